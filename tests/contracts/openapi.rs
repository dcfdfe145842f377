//! Judges a request or a response by the published descriptions: Graph (OpenAPI 3.1), Key Vault
//! and ARM (OpenAPI 2).
//!
//! What enters: method, URL, status, body. What leaves: `Ok`, or the rule that was broken.
//! What never happens here: leniency. A path, method or status the description does not name is
//! refused, because a client written against the real service will not know it either.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use jsonschema::{Draft, Retrieve, Uri};
use serde_json::{Value, json};
use url::Url;

use crate::source;
use crate::template::best_template;

/// The base under which every description is known to the schema resolver.
pub(crate) const BASE: &str = "contract:///";
#[derive(Clone, Copy, PartialEq)]
enum Dialect {
    /// OpenAPI 3.1: JSON Schema 2020-12, validated as is.
    Graph,
    /// OpenAPI 2: the services send members with null where the description says string.
    Swagger,
}

/// One request and what was answered, as seen on the wire.
#[derive(Debug)]
pub struct Exchange<'a> {
    pub method: &'a str,
    pub url: &'a Url,
    pub status: u16,
    /// `None` for an empty body.
    pub body: Option<&'a Value>,
}

/// All descriptions in the contract folder.
pub struct Descriptions {
    pub(crate) files: Arc<BTreeMap<String, Value>>,
}

#[derive(Clone)]
struct Files(Arc<BTreeMap<String, Value>>);

impl Retrieve for Files {
    fn retrieve(
        &self,
        uri: &Uri<String>,
    ) -> Result<Value, Box<dyn std::error::Error + Send + Sync>> {
        let name = uri.as_str().trim_start_matches(BASE);
        self.0
            .get(name)
            .cloned()
            .ok_or_else(|| format!("no description {uri}").into())
    }
}

/// An operation found in a description.
struct Operation<'a> {
    file: &'a str,
    dialect: Dialect,
    pointer: String,
    node: &'a Value,
}

impl Descriptions {
    /// Reads every description of the contract folder.
    pub fn load(folder: &Path) -> Self {
        let mut files = BTreeMap::new();
        for part in [
            "arm/openapi-2020-10-01",
            "graph",
            "keyvault/openapi-2026-04-01",
            "keyvault/openapi-7.5",
        ] {
            for (stem, value) in source::json_files(&folder.join(part)) {
                files.insert(format!("{part}/{stem}.json"), without_examples(value));
            }
        }
        Self {
            files: Arc::new(files),
        }
    }

    /// Judges a response by operation and status.
    pub fn judge(&self, exchange: &Exchange<'_>) -> Result<(), String> {
        let place = format!(
            "{} {} -> {}",
            exchange.method, exchange.url, exchange.status
        );
        let operation = self.operation(exchange.method, exchange.url)?;
        let (status, response) = response_node(&operation, exchange.status)
            .ok_or_else(|| format!("{place}: the description does not name this status"))?;
        let Some((schema, reference)) = self.body_schema(&operation, &status, response) else {
            return match exchange.body {
                None => Ok(()),
                Some(body) => Err(format!("{place}: a body where none is described: {body}")),
            };
        };
        let body = exchange
            .body
            .ok_or_else(|| format!("{place}: no body where one is described"))?;
        self.validate(operation.dialect, &reference, body)
            .map_err(|error| format!("{place}: {error}"))?;
        if operation.dialect == Dialect::Swagger {
            self.only_described(operation.file, schema, body)
                .map_err(|error| format!("{place}: {error}"))?;
        }
        if operation.dialect == Dialect::Graph && !selects(exchange.url) {
            self.whole(schema, body)
                .map_err(|error| format!("{place}: {error}"))?;
        }
        Ok(())
    }

    /// Judges a request: path, query names, and the body by its schema.
    pub fn judge_request(
        &self,
        method: &str,
        url: &Url,
        body: Option<&Value>,
    ) -> Result<(), String> {
        let operation = self.operation(method, url)?;
        let place = format!("{method} {url}");
        let allowed = self.query_names(&operation);
        for (name, _) in url.query_pairs() {
            if !allowed.iter().any(|known| known == name.as_ref()) {
                return Err(format!(
                    "{place}: the query name {name:?} is not described (known: {allowed:?})"
                ));
            }
        }
        let reference = self.request_reference(&operation);
        match (reference, body) {
            (None, None) => Ok(()),
            (None, Some(_)) => Err(format!("{place}: a body where none is described")),
            (Some(_), None) => Err(format!("{place}: no body where one is described")),
            (Some(reference), Some(body)) => {
                let dialect = operation.dialect;
                self.validate(dialect, &reference, body)
                    .and_then(|()| self.documented_members(&reference, body))
                    .map_err(|error| format!("{place}: {error}"))
            }
        }
    }

    fn operation(&self, method: &str, url: &Url) -> Result<Operation<'_>, String> {
        let host = url.host_str().unwrap_or_default();
        let (dialect, parts, path): (_, &[&str], _) = if host == "graph.microsoft.com" {
            let path = url
                .path()
                .strip_prefix("/v1.0")
                .or_else(|| url.path().strip_prefix("/beta"));
            let path = path.ok_or_else(|| format!("{url}: no API version in the path"))?;
            (Dialect::Graph, &["graph/"], path)
        } else if host == "management.azure.com" {
            (Dialect::Swagger, &["arm/"], url.path())
        } else {
            // The newest description first; 7.5 is complete and answers for what the slice left out.
            let parts = &["keyvault/openapi-2026-04-01/", "keyvault/openapi-7.5/"];
            (Dialect::Swagger, parts.as_slice(), url.path())
        };
        let path = path.replace("%27", "'");
        let verb = method.to_lowercase();
        let mut best: Option<(usize, Operation<'_>)> = None;
        for part in parts {
            for (file, document) in self.files.iter().filter(|(file, _)| file.starts_with(part)) {
                let Some((literals, template)) = best_template(document, &verb, &path) else {
                    continue;
                };
                // The more literal template is meant, and the newer description at a tie.
                if best.as_ref().is_some_and(|(known, _)| *known >= literals) {
                    continue;
                }
                let pointer = format!("/paths/{}/{verb}", escape(template));
                let node = document
                    .pointer(&pointer)
                    .ok_or("a template without node")?;
                best = Some((
                    literals,
                    Operation {
                        file,
                        dialect,
                        pointer,
                        node,
                    },
                ));
            }
        }
        best.map(|(_, operation)| operation)
            .ok_or_else(|| format!("{method} {url}: no description has this path and method"))
    }

    /// The schema node of a response, and the reference under which the validator finds it.
    fn body_schema<'a>(
        &'a self,
        operation: &Operation<'a>,
        status: &str,
        response: &'a Value,
    ) -> Option<(&'a Value, String)> {
        let shared = response["$ref"]
            .as_str()
            .map(|shared| shared.trim_start_matches('#').to_owned());
        let at =
            shared.unwrap_or_else(|| format!("{}/responses/{}", operation.pointer, escape(status)));
        let inner = match operation.dialect {
            Dialect::Graph => "/content/application~1json/schema",
            Dialect::Swagger => "/schema",
        };
        let pointer = format!("{at}{inner}");
        let node = self.files[operation.file].pointer(&pointer)?;
        Some((node, format!("{BASE}{}#{pointer}", operation.file)))
    }

    fn request_reference(&self, operation: &Operation<'_>) -> Option<String> {
        let pointer = match operation.dialect {
            Dialect::Graph => {
                let inner = "/requestBody/content/application~1json/schema";
                operation.node.pointer(inner)?;
                format!("{}{inner}", operation.pointer)
            }
            Dialect::Swagger => {
                let parameters = operation.node["parameters"].as_array()?;
                let index = parameters.iter().position(|one| one["in"] == "body")?;
                format!("{}/parameters/{index}/schema", operation.pointer)
            }
        };
        Some(format!("{BASE}{}#{pointer}", operation.file))
    }

    fn query_names(&self, operation: &Operation<'_>) -> Vec<String> {
        let own = operation.node["parameters"].as_array();
        own.into_iter()
            .flatten()
            .filter_map(|parameter| self.follow(operation.file, parameter))
            .filter(|parameter| parameter["in"] == "query")
            .filter_map(|parameter| parameter["name"].as_str().map(str::to_owned))
            .collect()
    }

    /// The node itself, or the one its `$ref` leads to.
    pub(crate) fn follow<'a>(&'a self, file: &str, node: &'a Value) -> Option<&'a Value> {
        let Some(reference) = node["$ref"].as_str() else {
            return Some(node);
        };
        let (other, pointer) = reference.split_once('#')?;
        let target = if other.is_empty() {
            file.to_owned()
        } else {
            let folder = file.rsplit_once('/').map_or("", |(folder, _)| folder);
            format!("{folder}/{}", other.trim_start_matches("./"))
        };
        self.files.get(&target)?.pointer(pointer)
    }

    fn validate(&self, dialect: Dialect, reference: &str, body: &Value) -> Result<(), String> {
        let draft = match dialect {
            Dialect::Graph => Draft::Draft202012,
            Dialect::Swagger => Draft::Draft4,
        };
        // A pointer may hold characters that a URI must not, such as the braces of a template.
        let (file, pointer) = reference.split_once('#').unwrap_or((reference, ""));
        let pointer: String = pointer.chars().map(in_fragment).collect();
        let validator = jsonschema::options()
            .with_draft(draft)
            .should_validate_formats(dialect == Dialect::Graph)
            .with_retriever(Files(Arc::clone(&self.files)))
            .build(&json!({ "$ref": format!("{file}#{pointer}") }))
            // Not an `Err`: a broken description must not pass for a refusal in a test.
            .unwrap_or_else(|error| panic!("cannot use {reference}: {error}"));
        let mut body = body.clone();
        if dialect == Dialect::Swagger {
            remove_nulls(&mut body);
        }
        let broken: Vec<String> = validator
            .iter_errors(&body)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        if broken.is_empty() {
            Ok(())
        } else {
            Err(broken.join("; "))
        }
    }
}

fn response_node<'a>(operation: &Operation<'a>, status: u16) -> Option<(String, &'a Value)> {
    let responses = &operation.node["responses"];
    let exact = status.to_string();
    let class = format!("{}XX", status / 100);
    let mut names = vec![exact, class];
    if status >= 400 {
        names.push("default".to_owned());
    }
    names
        .into_iter()
        .find_map(|name| responses.get(&name).map(|node| (name, node)))
}

fn selects(url: &Url) -> bool {
    url.query_pairs().any(|(name, _)| name == "$select")
}

fn in_fragment(one: char) -> String {
    if one.is_ascii_alphanumeric() || "/~._-$".contains(one) {
        return one.to_string();
    }
    let mut bytes = [0; 4];
    let bytes = one.encode_utf8(&mut bytes).bytes();
    bytes.map(|byte| format!("%{byte:02X}")).collect()
}

fn escape(segment: &str) -> String {
    segment.replace('~', "~0").replace('/', "~1")
}

fn remove_nulls(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.retain(|_, member| !member.is_null());
            members.values_mut().for_each(remove_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(remove_nulls),
        _ => {}
    }
}

/// The descriptions name example files that are partly absent; only schemas are read here.
fn without_examples(mut value: Value) -> Value {
    match &mut value {
        Value::Object(members) => {
            members.remove("x-ms-examples");
            for member in members.values_mut() {
                *member = without_examples(member.take());
            }
        }
        Value::Array(items) => {
            for item in items {
                *item = without_examples(item.take());
            }
        }
        _ => {}
    }
    value
}
