//! The checked-in code of the control API is that of the proto, without protoc.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

use std::path::Path;

/// Set `PIMENTO_BLESS=1` to write the code anew after a change of the proto.
#[test]
fn the_generated_code_is_that_of_the_proto() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let out = tempfile::tempdir().unwrap();
    let proto = root.join("proto");
    let file = proto.join("pimento/control/v1/control.proto");
    let descriptors = protox::compile([&file], [&proto]).expect("the proto does not compile");
    tonic_prost_build::configure()
        .out_dir(out.path())
        .compile_fds(descriptors)
        .expect("no code could be generated");
    let made = std::fs::read_to_string(out.path().join("pimento.control.v1.rs")).unwrap();
    let kept = root.join("src/control/generated.rs");
    if std::env::var_os("PIMENTO_BLESS").is_some() {
        std::fs::write(&kept, &made).unwrap();
    }
    let kept = std::fs::read_to_string(&kept).unwrap();
    assert!(
        made == kept,
        "run `PIMENTO_BLESS=1 cargo test --test proto` and commit the result"
    );
}
