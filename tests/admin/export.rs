//! `pimento export`: the texts are as they were read and approved, and each is one that its language
//! can read. `PIMENTO_BLESS=1` writes them anew.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use hcl_edit::expr::{Expression, Traversal, TraversalOperator};
use hcl_edit::structure::Body;
use hcl_edit::visit::{Visit, visit_traversal};

mod script;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/admin/export")
}

fn export(config: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_pimento"))
        .env_clear()
        // Nothing is there: whatever would ask an agent fails.
        .env("PIMENTO_RUNTIME_DIR", "/nonexistent")
        .env("PIMENTO_STATE_DIR", "/nonexistent")
        .env("PIMENTO_CONFIG", config)
        .arg("export")
        .args(args)
        .output()
        .unwrap()
}

fn text(form: &str) -> String {
    let output = export(&folder().join("config.toml"), &[form]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{said}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_texts_are_those_that_were_approved() {
    for (form, file) in [
        ("--terraform", "contoso.tf"),
        ("--bicep", "contoso.bicep"),
        ("--az", "contoso.sh"),
    ] {
        let (made, file) = (text(form), folder().join(file));
        if std::env::var_os("PIMENTO_BLESS").is_some() {
            fs::write(&file, &made).unwrap();
        }
        let kept = fs::read_to_string(&file).unwrap();
        assert!(
            made == kept,
            "{} is another: read it, run `PIMENTO_BLESS=1 cargo test --test admin export`, and \
             commit the result",
            file.display()
        );
        let open = made.split('@').skip(1).find(|rest| {
            let name: String = rest.chars().take_while(char::is_ascii_uppercase).collect();
            !name.is_empty() && rest[name.len()..].starts_with(['@', '_'])
        });
        assert_eq!(open, None, "a place that was not filled");
    }
}

/// What a text of Terraform refers to: `var.x`, `azuread_group.x`, `data.t.x`.
#[derive(Default)]
struct References(BTreeSet<String>);

impl Visit for References {
    fn visit_traversal(&mut self, node: &Traversal) {
        if let Expression::Variable(first) = &node.expr {
            let steps = node.operators.iter().map_while(|it| match it.value() {
                TraversalOperator::GetAttr(name) => Some(name.to_string()),
                _ => None,
            });
            let steps: Vec<String> = std::iter::once(first.to_string()).chain(steps).collect();
            let length = if steps[0] == "data" { 3 } else { 2 };
            self.0.insert(steps[..length.min(steps.len())].join("."));
        }
        visit_traversal(self, node);
    }
}

fn declared(body: &Body) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for block in body.blocks() {
        let labels: Vec<&str> = block.labels.iter().map(|it| it.as_str()).collect();
        let name = match (block.ident.as_str(), labels.as_slice()) {
            ("variable", [name]) => format!("var.{name}"),
            ("data", [kind, name]) => format!("data.{kind}.{name}"),
            ("resource", [kind, name]) => format!("{kind}.{name}"),
            ("locals", []) => {
                let attributes = block.body.attributes();
                names.extend(attributes.map(|it| format!("local.{}", it.key.as_str())));
                continue;
            }
            ("import" | "output" | "provider" | "terraform", _) => continue,
            other => panic!("{other:?}"),
        };
        assert!(names.insert(name.clone()), "{name} is there twice");
    }
    names
}

#[test]
fn terraform_refers_to_what_it_declares_and_declares_what_it_refers_to() {
    let text = text("--terraform");
    let body = hcl_edit::parser::parse_body(&text).unwrap_or_else(|error| panic!("{error}"));
    let declared = declared(&body);
    let mut referred = References::default();
    referred.visit_body(&body);
    let own = |name: &&String| !name.starts_with("each.") && !is_iterator(name);
    let missing: Vec<_> = referred
        .0
        .iter()
        .filter(own)
        .filter(|it| !declared.contains(*it))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
    let unused: Vec<_> = declared
        .iter()
        .filter(|it| it.starts_with("var.") && !referred.0.contains(*it))
        .collect();
    assert!(unused.is_empty(), "{unused:?}");
    // One policy for each way into each group, with the longest that a window asks for.
    let policies = ["linux_root", "linux_owner", "tier_0"];
    for (policy, longest) in policies.iter().zip(["PT3H30M", "PT30M", "P1D"]) {
        let name = format!("azuread_group_role_management_policy.{policy}");
        assert!(declared.contains(&name), "{name}");
        assert!(text.contains(&format!("= \"{longest}\"")), "{longest}");
    }
    assert_eq!(text.matches("resource \"azuread_group\" ").count(), 2);
}

/// What `dynamic` blocks call the thing at hand.
fn is_iterator(name: &str) -> bool {
    let iterators = ["primary_approver.", "resource_access."];
    iterators.iter().any(|it| name.starts_with(it))
}

#[test]
fn bicep_uses_every_parameter_and_closes_every_bracket() {
    let text = text("--bicep");
    let code = text
        .lines()
        .filter(|line| !line.trim_start().starts_with(['/', '@']));
    let code: Vec<&str> = code.collect();
    let (mut open, mut words) = (Vec::new(), Vec::new());
    for line in &code {
        for c in line.chars() {
            match c {
                '{' | '(' | '[' => open.push(c),
                '}' | ')' | ']' => {
                    let pair = (open.pop(), c);
                    assert!(
                        matches!(pair, (Some('{'), '}') | (Some('('), ')') | (Some('['), ']')),
                        "{line}"
                    );
                }
                _ => {}
            }
        }
        words.extend(line.split(|c: char| !c.is_ascii_alphanumeric() && c != '_'));
    }
    assert!(open.is_empty(), "{open:?}");
    let named = code.iter().filter_map(|line| line.strip_prefix("param "));
    for name in named.map(|rest| rest.split(' ').next().unwrap()) {
        assert!(
            words.iter().filter(|word| **word == name).count() > 1,
            "{name} is not used"
        );
    }
    assert_eq!(
        text.matches("Microsoft.Authorization/roleAssignments@")
            .count(),
        4
    );
    assert_eq!(
        text.matches("Microsoft.Insights/diagnosticSettings@")
            .count(),
        3
    );
}

#[test]
fn a_configuration_that_has_nothing_to_set_up_is_refused_with_what_to_write() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("config.toml");
    let tenant = |name: &str| {
        format!(
            "[tenant.{name}]\nid = \"{name}.onmicrosoft.com\"\n\
             client_id = \"7d9b0c3e-7f5e-4c8b-9d5b-2a6f4f0e1b22\"\n"
        )
    };
    let cases = [
        ("".to_owned(), &["--az"][..], "[tenant.NAME]"),
        (tenant("contoso"), &["--az"], "[window.NAME]"),
        (
            tenant("contoso") + &tenant("fabrikam"),
            &["--bicep"],
            "--tenant: contoso, fabrikam",
        ),
        (
            tenant("contoso"),
            &["--terraform", "--tenant", "fabrikam"],
            "no tenant is called fabrikam",
        ),
    ];
    for (written, args, told) in cases {
        fs::write(&config, written).unwrap();
        let output = export(&config, args);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(4), "{said}");
        assert!(said.contains(told) && output.stdout.is_empty(), "{said}");
    }
}

/// The texts of a tenant with these fields and this window.
fn of_tenant(fields: &str, window: &str) -> [String; 2] {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("config.toml");
    let text = format!(
        "[tenant.contoso]\nid = \"contoso.onmicrosoft.com\"\n{fields}\n\
         [window.linux]\ntenant = \"contoso\"\n{window}\n"
    );
    fs::write(&config, text).unwrap();
    ["--az", "--terraform"].map(|form| {
        let output = export(&config, &[form]);
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    })
}

const ROLE: &str = "role = \"Key Vault Secrets User\"\n\
                    scope = \"/subscriptions/129ff972-28f8-46b8-a726-e497be039368\"";

#[test]
fn who_signs_in_by_the_azure_cli_needs_no_application() {
    let [script, terraform] = of_tenant("sign_in = \"azure-cli\"", ROLE);
    assert!(script.contains("set -- groups pim vaults\n"), "{script}");
    assert!(!terraform.contains("azuread_application"), "{terraform}");
    assert!(terraform.contains("azurerm_role_management_policy"));
}

#[test]
fn azure_service_management_is_for_windows_of_azure_roles_and_has_an_id_in_each_cloud() {
    let client = "client_id = \"7d9b0c3e-7f5e-4c8b-9d5b-2a6f4f0e1b22\"";
    let group = "group = \"8f3c2d10-6b7a-4c1e-9a90-1c2d3e4f5a6b\"";
    let (public, government) = (
        "797f4846-ba00-4fd7-ba43-dac1f8f63013",
        "40a69793-8fe6-4db1-9591-dbc5c57b17d8",
    );
    for text in of_tenant(client, group) {
        assert!(!text.contains(public), "{text}");
    }
    for text in of_tenant(client, ROLE) {
        assert!(text.contains(public), "{text}");
    }
    for text in of_tenant(&format!("{client}\ncloud = \"us-gov\""), ROLE) {
        assert!(
            text.contains(government) && !text.contains(public),
            "{text}"
        );
    }
}

#[test]
fn exactly_one_form_is_asked_for() {
    for args in [&[][..], &["--az", "--bicep"]] {
        let output = export(&folder().join("config.toml"), args);
        assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0));
    }
}

#[test]
fn as_json_the_text_is_one_value() {
    let output = export(&folder().join("config.toml"), &["--az", "--json"]);
    let value: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        value["text"].as_str().unwrap().trim_end(),
        text("--az").trim_end()
    );
    assert_eq!(
        (&value["tenant"], &value["form"]),
        (&"contoso".into(), &"az".into())
    );
}
