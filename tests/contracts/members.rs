//! Rules about members that the schemas alone do not hold.

use serde_json::Value;

use crate::openapi::{BASE, Descriptions};

/// The `$ref`s of these five types name objects that the service sends whole.
const WHOLE: [&str; 5] = [
    "microsoft.graph.privilegedAccessGroupAssignmentSchedule",
    "microsoft.graph.privilegedAccessGroupAssignmentScheduleInstance",
    "microsoft.graph.privilegedAccessGroupAssignmentScheduleRequest",
    "microsoft.graph.privilegedAccessGroupEligibilitySchedule",
    "microsoft.graph.privilegedAccessGroupEligibilityScheduleInstance",
];

impl Descriptions {
    /// Without `$select` the five types carry every structural property, null or not.
    pub(crate) fn whole(&self, schema: &Value, body: &Value) -> Result<(), String> {
        let Some(node) = self.follow("graph/pim-groups.openapi.json", schema) else {
            return Ok(());
        };
        let (type_name, items) = match node.pointer("/properties/value/items/$ref") {
            Some(reference) => (
                name_of(reference),
                body["value"].as_array().cloned().unwrap_or_default(),
            ),
            None => (name_of(&schema["$ref"]), vec![body.clone()]),
        };
        if !WHOLE.contains(&type_name.as_str()) {
            return Ok(());
        }
        let described = &self.files["graph/pim-groups.openapi.json"]["components"]["schemas"]
            [&type_name]["x-structural-properties"];
        let wanted = described
            .as_array()
            .ok_or("no structural properties described")?;
        for item in &items {
            for name in wanted.iter().filter_map(Value::as_str) {
                if item.get(name).is_none() {
                    return Err(format!("{type_name} lacks the structural property {name}"));
                }
            }
        }
        Ok(())
    }

    /// OpenAPI 2 lets any member through; one that its schema does not name is a mistake all the same.
    pub(crate) fn only_described(
        &self,
        file: &str,
        schema: &Value,
        body: &Value,
    ) -> Result<(), String> {
        let described = self
            .follow(file, schema)
            .and_then(|node| node["properties"].as_object());
        // `allOf` adds members elsewhere; such a schema has them described there.
        let added = self
            .follow(file, schema)
            .is_some_and(|node| node.get("allOf").is_some());
        let (Some(described), Some(members), false) = (described, body.as_object(), added) else {
            return Ok(());
        };
        match members.keys().find(|name| !described.contains_key(*name)) {
            Some(name) => Err(format!("the member {name} is not described")),
            None => Ok(()),
        }
    }

    /// `x-docs-required`: what the documentation demands although the schema allows its absence.
    pub(crate) fn documented_members(&self, reference: &str, body: &Value) -> Result<(), String> {
        let (file, pointer) = reference
            .trim_start_matches(BASE)
            .split_once('#')
            .ok_or("bad reference")?;
        let Some(schema) = self
            .files
            .get(file)
            .and_then(|document| document.pointer(pointer))
            .and_then(|node| self.follow(file, node))
        else {
            return Ok(());
        };
        for name in schema["x-docs-required"].as_array().into_iter().flatten() {
            let name = name.as_str().unwrap_or_default();
            // The documentation's table is about making assignments. Clients known to work with the
            // live service end one without a schedule, and there is nothing it could say.
            if name == "scheduleInfo" && body["action"] == "selfDeactivate" {
                continue;
            }
            if body.get(name).is_none_or(Value::is_null) {
                return Err(format!("the documented member {name} is missing or null"));
            }
        }
        Ok(())
    }
}

fn name_of(reference: &Value) -> String {
    let reference = reference.as_str().unwrap_or_default();
    reference.rsplit('/').next().unwrap_or_default().to_owned()
}
