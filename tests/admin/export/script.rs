//! The script for `az`: run to its end by two shells, with a stand-in that records what it is asked
//! for. What it sends is held to Microsoft's descriptions, as far as they describe it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{folder, text};
use crate::source;

const MIA: &str = "b0a1f3a4-0d5e-4a55-8f3c-0f6f6a9a1111";
const ALEX: &str = "b0a1f3a4-0d5e-4a55-8f3c-0f6f6a9a2222";
const LINUX: &str = "8f3c2d10-6b7a-4c1e-9a90-1c2d3e4f5a6b";
const MADE: &str = "8f3c2d10-6b7a-4c1e-9a90-1c2d3e4f5a6d";

/// A call of the stand-in: its arguments, and what came by standard input.
#[derive(Debug)]
struct Call {
    args: Vec<String>,
    body: Option<Value>,
}

impl Call {
    fn line(&self) -> String {
        self.args.join(" ")
    }

    fn uri(&self) -> Option<&str> {
        let at = self.args.iter().position(|it| it == "--uri")?;
        Some(&self.args[at + 1])
    }
}

/// A folder with the stand-in on the path, where a script runs.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        fs::create_dir(place.path("bin")).unwrap();
        fs::create_dir(place.path("calls")).unwrap();
        fs::copy(folder().join("az"), place.path("bin/az")).unwrap();
        fs::write(place.path("setup.sh"), text("--az")).unwrap();
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn run(&self, shell: &str, steps: &[&str], variables: &[(&str, &str)]) -> Output {
        let path = format!("{}:/usr/bin:/bin", self.path("bin").display());
        Command::new(shell)
            .env_clear()
            .env("PATH", path)
            .env("CALLS", self.path("calls"))
            .envs(variables.iter().copied())
            .arg(self.path("setup.sh"))
            .args(steps)
            .output()
            .unwrap()
    }

    fn calls(&self) -> Vec<Call> {
        let mut files: Vec<PathBuf> = fs::read_dir(self.path("calls"))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|it| it == "call"))
            .collect();
        files.sort();
        let call = |file: PathBuf| Call {
            args: lines(&file),
            body: fs::read(file.with_extension("body"))
                .ok()
                .map(|body| serde_json::from_slice(&body).unwrap()),
        };
        files.into_iter().map(call).collect()
    }
}

fn lines(file: &Path) -> Vec<String> {
    let text = fs::read_to_string(file).unwrap();
    text.lines().map(str::to_owned).collect()
}

/// Everything that the configuration does not know.
const KNOWN: [(&str, &str); 9] = [
    ("ELIGIBLE_BRANCH", MIA),
    ("APPROVERS_BRANCH", ALEX),
    (
        "LOG_WORKSPACE",
        "/subscriptions/s/resourceGroups/ops/providers/Microsoft.OperationalInsights/workspaces/w",
    ),
    (
        "ELIGIBLE_LINUX_ROOT",
        "b0a1f3a4-0d5e-4a55-8f3c-0f6f6a9a1111 b0a1f3a4-0d5e-4a55-8f3c-0f6f6a9a2222",
    ),
    ("APPROVERS_TIER_0", ALEX),
    ("ELIGIBLE_TIER_0", MIA),
    ("CONTEXT_TIER_0", "c1"),
    ("NOTIFY_TIER_0", "security@contoso.com"),
    ("CLIENT_ID", "new"),
];

fn whole_run(shell: &str) -> (Place, Vec<Call>) {
    let place = Place::new();
    let new = [("GROUP_TIER_0", "new")];
    let output = place.run(shell, &[], &[&KNOWN[..], &new].concat());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    for told in [
        "client_id = \"7d9b0c3e",
        &format!("group = \"{MADE}\" (pim-tier-0)"),
    ] {
        assert!(said.contains(told), "{said}");
    }
    let calls = place.calls();
    (place, calls)
}

#[test]
fn two_shells_and_a_linter_can_read_it() {
    let place = Place::new();
    for (program, options) in [
        ("sh", &["-n"][..]),
        ("bash", &["-n"]),
        ("shellcheck", &["--shell=sh"]),
    ] {
        let output = Command::new(program)
            .args(options)
            .arg(place.path("setup.sh"))
            .output();
        let output = output.unwrap_or_else(|error| panic!("{program}: {error}"));
        let said = [output.stdout, output.stderr].concat();
        assert!(
            output.status.success(),
            "{program}: {}",
            String::from_utf8_lossy(&said)
        );
    }
}

#[test]
fn it_registers_the_application_makes_the_group_and_gives_it_the_vault() {
    for shell in ["sh", "bash"] {
        let (_place, calls) = whole_run(shell);
        let created = calls
            .iter()
            .find(|it| it.line().starts_with("ad app create"))
            .unwrap();
        let wanted = created.body.as_ref().unwrap();
        let names = |at: usize| wanted[at]["resourceAccess"].as_array().unwrap().len();
        assert_eq!((names(0), names(1), names(2)), (4, 1, 1));
        let services = [1, 2].map(|at: usize| wanted[at]["resourceAppId"].as_str().unwrap());
        // Key Vault, and Azure Service Management for the window of an Azure role.
        assert_eq!(
            services,
            [
                "cfa8b339-82a2-471a-a3c9-0fc0be7a4093",
                "797f4846-ba00-4fd7-ba43-dac1f8f63013"
            ]
        );
        assert!(created.line().contains("--is-fallback-public-client true"));
        let grants: Vec<String> = calls
            .iter()
            .map(Call::line)
            .filter(|it| it.starts_with("role assignment create"))
            .collect();
        let grant = |role: &str, group: &str, vault: &str| {
            format!(
                "role assignment create --role Key Vault {role} User --assignee-object-id {group} \
                 --assignee-principal-type Group --scope \
                 /subscriptions/s/resourceGroups/ops/providers/Microsoft.KeyVault/vaults/{vault}"
            )
        };
        assert_eq!(
            grants,
            [
                grant("Secrets", LINUX, "kv-linux"),
                grant("Secrets", MADE, "kv-linux"),
                grant("Secrets", MADE, "kv-tier0"),
                grant("Crypto", MADE, "kv-tier0")
            ]
        );
        let dedicated = "--export-to-resource-specific true --logs [{\"category\": \"AuditEvent\"";
        let logs = calls.iter().filter(|it| it.line().contains(dedicated));
        assert_eq!(logs.count(), 3);
    }
}

#[test]
fn the_policy_is_what_the_windows_need_and_stands_before_anybody_is_eligible() {
    let (_place, calls) = whole_run("sh");
    let rule = |group: &str, id: &str| {
        let mut of_group = "";
        for call in &calls {
            let uri = call.uri().unwrap_or_default();
            if uri.contains(&format!("'{LINUX}'")) {
                of_group = LINUX;
            }
            if uri.contains(&format!("'{MADE}'")) {
                of_group = MADE;
            }
            // The first policy of a group is that of its members.
            if of_group == group && uri.ends_with(&format!("/rules/{id}")) {
                return call.body.clone().unwrap();
            }
        }
        panic!("no rule {id}")
    };
    assert_eq!(
        rule(LINUX, "Expiration_EndUser_Assignment")["maximumDuration"],
        "PT3H30M"
    );
    assert_eq!(
        rule(MADE, "Expiration_EndUser_Assignment")["maximumDuration"],
        "PT24H"
    );
    let enabled = |group| rule(group, "Enablement_EndUser_Assignment")["enabledRules"].clone();
    assert_eq!(
        enabled(LINUX),
        json!(["Justification", "MultiFactorAuthentication"])
    );
    assert_eq!(enabled(MADE), json!(["Justification", "Ticketing"]));
    let context = rule(MADE, "AuthenticationContext_EndUser_Assignment");
    assert_eq!(
        (&context["isEnabled"], &context["claimValue"]),
        (&json!(true), &json!("c1"))
    );
    let approval = |group| rule(group, "Approval_EndUser_Assignment")["setting"].clone();
    assert_eq!(approval(LINUX)["isApprovalRequired"], false);
    assert_eq!(
        approval(MADE)["approvalStages"][0]["primaryApprovers"][0]["userId"],
        ALEX
    );
    let eligible: Vec<usize> = (0..calls.len())
        .filter(|at| {
            calls[*at]
                .uri()
                .is_some_and(|it| it.ends_with("eligibilityScheduleRequests"))
        })
        .collect();
    let people: Vec<&Value> = eligible
        .iter()
        .map(|at| &calls[*at].body.as_ref().unwrap()["principalId"])
        .collect();
    assert_eq!(people, [MIA, ALEX, MIA]);
    let first = calls
        .iter()
        .position(|it| it.line().contains("Expiration_EndUser"));
    assert!(first.unwrap() < eligible[0]);
}

#[test]
fn what_it_sends_is_what_the_descriptions_describe() {
    let Some(contracts) = source::folder() else {
        return;
    };
    let graph = source::json(&contracts.join("graph/pim-groups.openapi.json"));
    let csdl = fs::read_to_string(contracts.join("graph/pim-groups.csdl.xml")).unwrap();
    let validator = |name: &str| {
        let schema = json!({"$ref": format!("#/components/schemas/microsoft.graph.{name}"), "components": graph["components"]});
        jsonschema::draft202012::options()
            .should_validate_formats(true)
            .build(&schema)
            .unwrap()
    };
    let (rule, group) = (
        validator("unifiedRoleManagementPolicyRule"),
        validator("group"),
    );
    let schedule = validator("requestSchedule");
    let (_place, calls) = whole_run("sh");
    let mut judged = 0;
    for call in &calls {
        let (Some(uri), Some(body)) = (call.uri(), &call.body) else {
            continue;
        };
        let Some(path) = uri.strip_prefix("https://graph.microsoft.com/v1.0/") else {
            continue;
        };
        let verdict = match path {
            "groups" => group.validate(body),
            _ if path.starts_with("policies/") => {
                assert!(
                    path.ends_with(&format!("/rules/{}", body["id"].as_str().unwrap())),
                    "{path}"
                );
                rule.validate(body)
            }
            _ => {
                // The request itself is in the metadata only: by the names of its properties.
                let known = properties(&csdl, "privilegedAccessGroupEligibilityScheduleRequest");
                let unknown: Vec<_> = body
                    .as_object()
                    .unwrap()
                    .keys()
                    .filter(|it| !known.contains(it))
                    .collect();
                assert!(unknown.is_empty(), "{unknown:?} of {known:?}");
                schedule.validate(&body["scheduleInfo"])
            }
        };
        verdict.unwrap_or_else(|error| panic!("{path}: {error}: {body}"));
        judged += 1;
    }
    // A group, five rules for each of three policies, three people.
    assert_eq!(judged, 1 + 15 + 3);
}

/// A file of Resource Manager's descriptions.
fn arm(contracts: &Path, name: &str) -> Value {
    source::json(&contracts.join("arm/openapi-2020-10-01").join(name))
}

/// What the script sends to Resource Manager.
fn sent_to_arm() -> Vec<Value> {
    let (_place, calls) = whole_run("sh");
    let azure = |uri: &str| uri.starts_with("https://management.azure.com/subscriptions/");
    let mine = calls.into_iter().filter(|it| it.uri().is_some_and(azure));
    mine.filter_map(|it| it.body).collect()
}

#[test]
fn the_policy_of_an_azure_role_is_what_the_descriptions_describe() {
    let Some(contracts) = source::folder() else {
        return;
    };
    let types = &arm(&contracts, "common-types.json")["definitions"];
    let sent = sent_to_arm();
    let rules = sent[0]["properties"]["rules"].as_array().unwrap();
    assert_eq!(rules.len(), 5);
    let of = |name: &str| types[name]["properties"].as_object().unwrap();
    for rule in rules {
        let name = rule["ruleType"].as_str().unwrap();
        let reference = format!("#/definitions/{name}");
        let validator = jsonschema::draft4::new(&json!({"$ref": reference, "definitions": types}));
        let judged = validator
            .unwrap()
            .validate(rule)
            .map_err(|it| it.to_string());
        assert_eq!(judged, Ok(()), "{rule}");
        let known = |it: &&String| {
            of(name).contains_key(*it) || of("RoleManagementPolicyRule").contains_key(*it)
        };
        let names = rule.as_object().unwrap().keys();
        let unknown: Vec<&String> = names.filter(|it| !known(it)).collect();
        assert!(unknown.is_empty(), "{name}: {unknown:?}");
    }
    let approver = &rules[3]["setting"]["approvalStages"][0]["primaryApprovers"][0];
    let mut names = approver.as_object().unwrap().keys();
    assert!(names.all(|it| of("UserSet").contains_key(it)), "{approver}");
}

#[test]
fn an_eligibility_for_an_azure_role_is_asked_for_as_its_engine_describes() {
    let Some(contracts) = source::folder() else {
        return;
    };
    let requests = arm(&contracts, "RoleAssignmentScheduleRequest.json");
    let sent = sent_to_arm();
    // The policy stands before anybody is eligible.
    let sent = &sent[1]["properties"];
    assert_eq!(sent["principalId"], MIA);
    // Requests of eligibility are not described; those of assignment, of the same engine, are.
    let described = &requests["definitions"]["RoleAssignmentScheduleRequestProperties"];
    let described = &described["properties"];
    for name in sent.as_object().unwrap().keys() {
        assert!(described.get(name).is_some(), "{name}");
    }
    let kinds = described["requestType"]["enum"].as_array().unwrap();
    assert!(kinds.contains(&sent["requestType"]), "{kinds:?}");
}

/// The properties of a type of the metadata and of its base types.
fn properties(csdl: &str, name: &str) -> Vec<String> {
    let opening = format!("<EntityType Name=\"{name}\"");
    let start = csdl
        .find(&opening)
        .unwrap_or_else(|| panic!("no type {name}"));
    let (head, rest) = csdl[start..].split_once('>').unwrap();
    let attribute = |text: &str, name: &str| {
        let (_, rest) = text.split_once(&format!("{name}=\""))?;
        Some(rest.split('"').next()?.to_owned())
    };
    let mut names = Vec::new();
    if !head.ends_with('/') {
        let (inside, _) = rest.split_once("</EntityType>").unwrap();
        names.extend(
            inside
                .split("<Property ")
                .skip(1)
                .filter_map(|it| attribute(it, "Name")),
        );
    }
    if let Some(base) = attribute(head, "BaseType") {
        let base = base.trim_start_matches("graph.");
        if csdl.contains(&format!("<EntityType Name=\"{base}\"")) {
            names.extend(properties(csdl, base));
        }
    }
    names
}

#[test]
fn what_is_no_object_id_or_address_gets_into_no_request() {
    let cases = [
        ("ELIGIBLE_LINUX_ROOT", "mia@contoso.com", "pim"),
        ("APPROVERS_LINUX_ROOT", "x\",\"y", "pim"),
        ("CONTEXT_LINUX_ROOT", "c1\"", "pim"),
        ("NOTIFY_LINUX_ROOT", "a\"b@contoso.com", "pim"),
        ("GROUP_LINUX_ROOT", "PIM Linux", "vaults"),
        ("NAME_LINUX_ROOT", "a\"b", "groups"),
    ];
    for (variable, value, step) in cases {
        let place = Place::new();
        let new = (
            "GROUP_LINUX_ROOT",
            if variable.starts_with("NAME") {
                "new"
            } else {
                LINUX
            },
        );
        let output = place.run("sh", &[step], &[new, (variable, value)]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{variable}: {said}");
        assert!(said.contains(" is not "), "{said}");
        let sent = place
            .calls()
            .iter()
            .any(|it| format!("{:?}", it.body).contains(value) || it.line().contains(value));
        assert!(!sent, "{variable}: {:?}", place.calls());
    }
}

#[test]
fn an_unknown_step_is_refused_before_the_first_one_is_done() {
    let place = Place::new();
    let output = place.run("sh", &["vaults", "vault"], &[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("app groups pim vaults"));
    assert!(place.calls().is_empty());
}

#[test]
fn a_group_that_pim_does_not_know_ends_it() {
    let place = Place::new();
    let output = place.run("sh", &["pim"], &[("POLICY", "")]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("PIM has no policy"));
    assert!(place.calls().iter().all(|it| it.body.is_none()));
}

#[test]
fn a_step_by_itself_does_nothing_else() {
    let place = Place::new();
    let output = place.run("sh", &["groups", "app"], &[]);
    assert!(output.status.success());
    let lines: Vec<String> = place.calls().iter().map(Call::line).collect();
    // Both exist already, by the configuration.
    assert_eq!(
        lines,
        ["ad app show --id 7d9b0c3e-7f5e-4c8b-9d5b-2a6f4f0e1b22 --query displayName --output tsv"]
    );
}

#[test]
fn somebody_who_is_eligible_already_stops_nothing_and_is_told_by_the_exit_code() {
    let place = Place::new();
    let already = ("ELIGIBLE_ALREADY", "1");
    let output = place.run("sh", &["pim", "vaults"], &[&KNOWN[..], &[already]].concat());
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("RoleAssignmentExists"));
    let grants = place
        .calls()
        .iter()
        .filter(|it| it.line().contains("--role"))
        .count();
    assert_eq!(grants, 4);
}
