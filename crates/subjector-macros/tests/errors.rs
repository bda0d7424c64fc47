//! What the attribute says about code that it cannot give calls for: each file in `errors/` beside its messages.

#[test]
fn each_error_says_what_to_write_instead() {
    trybuild::TestCases::new().compile_fail("tests/errors/*.rs");
}
