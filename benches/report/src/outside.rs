//! Text and figures of result files, made safe to show, because the files come from other machines, programs and
//! people.
//!
//! This module owns the only way in for texts and figures. Every text is made [visible], so that no output has to know
//! where it came from. A figure is a number that could have been measured.

use corecast_command::visible;
use serde::de::Error;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

/// Makes a text safe to show on one line.
pub fn shown(text: &str) -> String {
    visible(text).into_owned()
}

/// Makes all texts and names of fields in a value safe to show.
pub(crate) fn shown_in(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(shown(&text)),
        Value::Array(items) => items.into_iter().map(shown_in).collect(),
        Value::Object(fields) => Value::Object(
            fields.into_iter().map(|(name, value)| (shown(&name), shown_in(value))).collect::<Map<_, _>>(),
        ),
        other => other,
    }
}

/// Returns true if a number is a figure: zero, or from a billionth up to 10¹⁸. No measurement is larger or negative.
pub(crate) fn is_figure(number: f64) -> bool {
    number == 0.0 || (1e-9..=1e18).contains(&number)
}

/// Deserializes a field that is a text.
pub(crate) fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(shown(&String::deserialize(deserializer)?))
}

/// Deserializes a field that is a text or nothing.
pub(crate) fn optional_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.map(|text| shown(&text)))
}

/// Deserializes a field that is a list of texts.
pub(crate) fn texts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    Ok(Vec::<String>::deserialize(deserializer)?.iter().map(|text| shown(text)).collect())
}

/// Deserializes a field of any form.
pub(crate) fn value<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Value, D::Error> {
    Ok(shown_in(Value::deserialize(deserializer)?))
}

/// Deserializes a field that is a figure.
pub(crate) fn figure<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    let number = f64::deserialize(deserializer)?;
    if is_figure(number) { Ok(number) } else { Err(D::Error::custom(format!("{number:e} is no figure"))) }
}
