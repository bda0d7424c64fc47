//! Text and figures of result files, made safe to show: the files come from other machines, programs and people.
//!
//! Owns the one way in for texts and figures. Every text is made [visible], so that no output has to know where it came
//! from; a figure is a number that somebody could have measured.

use corecast_command::visible;
use serde::de::Error;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

/// A text of one line.
pub fn shown(text: &str) -> String {
    visible(text).into_owned()
}

/// All texts and names of fields in it.
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

/// For fields that are a text.
pub(crate) fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(shown(&String::deserialize(deserializer)?))
}

/// For fields that are a text or nothing.
pub(crate) fn optional_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.map(|text| shown(&text)))
}

/// For fields that are a list of texts.
pub(crate) fn texts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    Ok(Vec::<String>::deserialize(deserializer)?.iter().map(|text| shown(text)).collect())
}

/// For fields of any form.
pub(crate) fn value<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Value, D::Error> {
    Ok(shown_in(Value::deserialize(deserializer)?))
}

/// For fields that are a figure.
pub(crate) fn figure<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    let number = f64::deserialize(deserializer)?;
    if is_figure(number) { Ok(number) } else { Err(D::Error::custom(format!("{number:e} is no figure"))) }
}
