//! Small words for the forms of answers: a text, a number, a list, an object with these members.

use serde_json::Value;
use utoipa::openapi::schema::{
    AdditionalProperties, ArrayBuilder, ObjectBuilder, OneOfBuilder, Schema, SchemaType, Type,
};
use utoipa::openapi::{Ref, RefOr};

/// A form.
pub(super) type Shape = RefOr<Schema>;

/// A text.
pub(super) fn text() -> Shape {
    of(Type::String)
}

/// A whole number.
pub(super) fn number() -> Shape {
    of(Type::Integer)
}

/// True or false.
pub(super) fn truth() -> Shape {
    of(Type::Boolean)
}

/// One of these texts.
pub(super) fn one_of_words(words: &[&str]) -> Shape {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(words.iter().map(|word| Value::from(*word))))
        .into()
}

/// A text of this form, as a regular expression.
pub(super) fn pattern(pattern: &str) -> Shape {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .pattern(Some(pattern))
        .into()
}

/// Or nothing.
pub(super) fn or_null(kind: Type) -> Shape {
    ObjectBuilder::new()
        .schema_type(SchemaType::Array(vec![kind, Type::Null]))
        .into()
}

/// A list.
pub(super) fn list(item: Shape) -> Shape {
    ArrayBuilder::new().items(item).into()
}

/// A list of texts, or nothing.
pub(super) fn texts_or_null() -> Shape {
    ArrayBuilder::new()
        .schema_type(SchemaType::Array(vec![Type::Array, Type::Null]))
        .items(text())
        .into()
}

/// Always this value.
pub(super) fn only(value: bool) -> Shape {
    ObjectBuilder::new()
        .schema_type(Type::Boolean)
        .enum_values(Some([Value::from(value)]))
        .into()
}

/// An object; members whose name ends in `?` may be missing. There may be others, which come later.
pub(super) fn object<const COUNT: usize>(members: [(&str, Shape); COUNT]) -> Shape {
    build(members).into()
}

/// An object with these members and no others.
pub(super) fn closed<const COUNT: usize>(members: [(&str, Shape); COUNT]) -> Shape {
    build(members)
        .additional_properties(Some(AdditionalProperties::FreeForm(false)))
        .into()
}

/// One of several forms.
pub(super) fn either<const COUNT: usize>(shapes: [Shape; COUNT]) -> Shape {
    let mut either = OneOfBuilder::new();
    for shape in shapes {
        either = either.item(shape);
    }
    either.into()
}

/// Any value.
pub(super) fn anything() -> Shape {
    ObjectBuilder::new()
        .schema_type(SchemaType::AnyValue)
        .into()
}

/// The error of RFC 9457, by its name.
pub(super) fn problem_ref() -> Shape {
    RefOr::Ref(Ref::from_schema_name("Problem"))
}

/// The error of RFC 9457.
pub(super) fn problem() -> Shape {
    object([
        ("type", text()),
        ("title", text()),
        ("status", number()),
        ("detail", text()),
        ("error?", text()),
    ])
}

fn of(kind: Type) -> Shape {
    ObjectBuilder::new().schema_type(kind).into()
}

fn build<const COUNT: usize>(members: [(&str, Shape); COUNT]) -> ObjectBuilder {
    let mut object = ObjectBuilder::new().schema_type(Type::Object);
    for (name, shape) in members {
        object = match name.strip_suffix('?') {
            Some(name) => object.property(name, shape),
            None => object.property(name, shape).required(name),
        };
    }
    object
}
