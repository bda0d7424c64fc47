//! The errors of the attribute for code that it cannot generate calls for: each file in `errors/` is beside its
//! messages.

#[test]
fn each_error_says_what_to_write_instead() {
    trybuild::TestCases::new().compile_fail("tests/errors/*.rs");
}
