//! Lists of Resource Manager, page by page.

use serde_json::Value;
use url::Url;

use super::Roles;
use crate::cloud::http::Answer;
use crate::refusal::{Refusal, Service};

impl Roles<'_> {
    /// All that is listed at `url`, and the answer with the last of it.
    ///
    /// A link to the next page is an address made by whoever answered, and our token goes there: it
    /// is followed on the host that was asked, and nowhere else.
    pub(super) async fn list(&self, url: Url) -> Result<(Vec<Value>, Answer), Refusal> {
        let host = url.origin();
        let (mut next, mut items) = (url, Vec::new());
        for _ in 0..PAGES {
            let answer = self.case.get(next).await?;
            let mut page = answer.json();
            if let Some(Value::Array(found)) = page.get_mut("value").map(Value::take) {
                items.extend(found);
            }
            let Some(link) = page.get("nextLink").and_then(Value::as_str) else {
                return Ok((items, answer));
            };
            next = Url::parse(link)
                .ok()
                .filter(|link| link.origin() == host)
                .ok_or_else(|| odd("its list goes on at another host, where no token is sent"))?;
        }
        Err(odd("its list has no end"))
    }
}

fn odd(why: &str) -> Refusal {
    Refusal::Unreachable {
        service: Service::PimAzure,
        why: why.to_owned(),
    }
}

/// Far more than anybody is eligible for.
const PAGES: usize = 100;
