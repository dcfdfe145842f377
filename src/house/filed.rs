//! Client certificates on their way into the files of a command.

use std::sync::Arc;

use zeroize::Zeroizing;

use super::{House, wanted};
use crate::broker::unusable;
use crate::catalog::{Credential, Part};
use crate::cloud::StageSink;
use crate::policy::{End, Said};
use crate::refusal::Refusal;
use crate::requester::Requester;
use crate::secret::Material;

impl House {
    /// Gives a part of a certificate to `requester`, as PEM.
    ///
    /// # Errors
    /// As the pipeline's; or if the key is wanted, and its vault does not give it out.
    pub async fn file(
        &self,
        credential: &Arc<Credential>,
        part: Part,
        said: Said,
        requester: &Requester,
        stages: &dyn StageSink,
    ) -> Result<Zeroizing<Vec<u8>>, Refusal> {
        let asked = wanted(credential, End::File(part), said, requester);
        let read = |material: &Material| match material {
            Material::ClientCertificate(certificate) => certificate
                .expose_secret(part)
                .map_err(|problem| unusable(credential, &problem)),
            Material::Certified(_)
            | Material::Key(_)
            | Material::Password(_)
            | Material::VaultKey(_) => Err(Refusal::Unsupported("it is no certificate".to_owned())),
        };
        self.pipeline.serve(asked, requester, stages, read).await
    }
}
