//! PIM for Azure resources, through Azure Resource Manager.

use async_trait::async_trait;
use jiff::SignedDuration;

use super::assignment::Found;
use super::{Api, Begun, Case, Request};
use crate::catalog::{Role, Scope};
use crate::cloud::http::Answer;
use crate::cloud::{Activation, Demands};
use crate::refusal::Refusal;

/// The API of Azure roles, for one case.
pub(super) struct Roles<'a> {
    pub(super) case: Case<'a>,
    pub(super) scope: &'a Scope,
    pub(super) role: Role,
}

impl Roles<'_> {
    fn not_yet<T>(&self) -> Result<T, Refusal> {
        let (role, scope) = (self.role, self.scope);
        Err(Refusal::Unsupported(format!(
            "windows of an Azure role ({role} on {scope}) are not supported yet"
        )))
    }
}

#[async_trait]
impl Api for Roles<'_> {
    fn case(&self) -> &Case<'_> {
        &self.case
    }

    async fn begin(&self, _: &Activation, _: SignedDuration) -> Result<Begun, Refusal> {
        self.not_yet()
    }

    async fn pending(&self) -> Result<Option<Request>, Refusal> {
        self.not_yet()
    }

    async fn request(&self, _: &str) -> Result<Request, Refusal> {
        self.not_yet()
    }

    async fn assignment(&self, _: Option<&str>) -> Result<(Option<Found>, Answer), Refusal> {
        self.not_yet()
    }

    async fn demands(&self) -> Result<Demands, Refusal> {
        self.not_yet()
    }

    async fn deactivate(&self) -> Result<(), Refusal> {
        self.not_yet()
    }
}
