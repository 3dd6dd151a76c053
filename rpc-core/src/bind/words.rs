//! What a caller reads when arguments and parameters do not match.

use super::{Parameter, ParameterKind};

pub(super) fn too_many(parameters: &[Parameter], extra: usize) -> String {
    let names: Vec<_> = parameters
        .iter()
        .filter(|parameter| parameter.kind == ParameterKind::Plain)
        .map(|parameter| format!("`{}`", parameter.name))
        .collect();
    let given = names.len() + extra;
    match names.len() {
        0 => format!("expected no positional arguments, got {given}"),
        1 => format!(
            "expected at most 1 positional argument ({}), got {given}",
            names[0]
        ),
        most => format!(
            "expected at most {most} positional arguments ({}), got {given}",
            names.join(", ")
        ),
    }
}

pub(super) fn unknown(parameters: &[Parameter], name: &str) -> String {
    let names: Vec<_> = parameters
        .iter()
        .filter(|p| matches!(p.kind, ParameterKind::Plain | ParameterKind::Keyword))
        .map(|p| p.name)
        .collect();
    // The name may be as long as a message; neither the comparison nor the text should be.
    let shown: String = name.chars().take(64).collect();
    let distance = |known: &str| strsim::damerau_levenshtein(known, &shown);
    match names.iter().min_by_key(|known| distance(known)) {
        Some(nearest) if distance(nearest) <= nearest.len().max(3) / 3 => {
            format!("unknown argument `{shown}`, did you mean `{nearest}`?")
        }
        Some(_) => format!(
            "unknown argument `{shown}`, expected one of: `{}`",
            names.join("`, `")
        ),
        None => format!("unknown argument `{shown}`, the method takes no keyword arguments"),
    }
}
