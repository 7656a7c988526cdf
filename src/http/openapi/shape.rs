//! Small words for forms: a text, a number, a list, an object with these members.
//!
//! An object may get members later; what is sent to the bot is closed wherever the bot is strict.

use serde_json::Value;
use utoipa::openapi::schema::{
    AdditionalProperties, AnyOfBuilder, ArrayBuilder, KnownFormat, ObjectBuilder, Schema,
    SchemaFormat, SchemaType, Type,
};
use utoipa::openapi::{Ref, RefOr};

/// A form.
pub(super) type Shape = RefOr<Schema>;

/// A member of an object: its name, with `?` at the end if it may be missing, and its form.
pub(super) type Member = (&'static str, Shape);

/// The name of an identity.
pub(super) const SLUG: &str = "^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$";
/// A request, as the bot writes it.
pub(super) const REQUEST: &str = "^R[1-9][0-9]{0,14}$";
/// A credential, as the bot writes it.
pub(super) const CREDENTIAL: &str = "^c[1-9][0-9]{0,14}$";
/// A span; a century at most.
pub(super) const SPAN: &str = "^(0|[1-9][0-9]{0,9})[smhd]$";
/// The code of a request, as people may type it: 12 characters, any case, with dashes or without.
pub(super) const CODE: &str = "^-*([0-9A-TV-Za-tv-z]-*){12}$";
/// SHA-256, or a key of Ed25519, in hex.
pub(super) const HEX: &str = "^[0-9a-f]{64}$";

/// A text.
pub(super) fn text() -> Shape {
    of(Type::String)
}

/// A text of at most so many characters.
pub(super) fn short(most: usize) -> Shape {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .max_length(Some(most))
        .into()
}

/// A text that says something.
pub(super) fn some_text() -> Shape {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .min_length(Some(1))
        .into()
}

/// A text of this form, as a regular expression.
pub(super) fn pattern(pattern: &str) -> Shape {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .pattern(Some(pattern))
        .into()
}

/// One of these texts.
pub(super) fn one_of_words(words: &[&str]) -> Shape {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(words.iter().map(|word| Value::from(*word))))
        .into()
}

/// An instant, RFC 3339 in UTC.
pub(super) fn time() -> Shape {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
        .into()
}

/// A whole number.
pub(super) fn number() -> Shape {
    of(Type::Integer)
}

/// A whole number from here to there.
pub(super) fn between(least: i64, most: u64) -> Shape {
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let least = isize::try_from(least).unwrap_or(isize::MIN);
    ObjectBuilder::new()
        .schema_type(Type::Integer)
        .minimum(Some(least))
        .maximum(Some(most))
        .into()
}

/// True or false.
pub(super) fn truth() -> Shape {
    of(Type::Boolean)
}

/// Always this value.
pub(super) fn only(value: bool) -> Shape {
    ObjectBuilder::new()
        .schema_type(Type::Boolean)
        .enum_values(Some([Value::from(value)]))
        .into()
}

/// A list.
pub(super) fn list(item: Shape) -> Shape {
    ArrayBuilder::new().items(item).into()
}

/// A list of at least one.
pub(super) fn some(item: Shape) -> Shape {
    ArrayBuilder::new().items(item).min_items(Some(1)).into()
}

/// A list of at most so many.
pub(super) fn list_of(most: usize, item: Shape) -> Shape {
    ArrayBuilder::new().items(item).max_items(Some(most)).into()
}

/// Texts.
pub(super) fn texts() -> Shape {
    list(text())
}

/// A value of that kind, or nothing.
pub(super) fn or_null(kind: Type) -> Shape {
    ObjectBuilder::new()
        .schema_type(SchemaType::Array(vec![kind, Type::Null]))
        .into()
}

/// This, or nothing.
pub(super) fn maybe(shape: Shape) -> Shape {
    any_of([shape, of(Type::Null)])
}

/// One of several forms.
pub(super) fn any_of(shapes: impl IntoIterator<Item = Shape>) -> Shape {
    let mut any = AnyOfBuilder::new();
    for shape in shapes {
        any = any.item(shape);
    }
    any.into()
}

/// An object with these members. There may be others, which come later.
pub(super) fn object(members: impl IntoIterator<Item = Member>) -> Shape {
    build(members).into()
}

/// An object with these members and no others.
pub(super) fn closed(members: impl IntoIterator<Item = Member>) -> Shape {
    build(members)
        .additional_properties(Some(AdditionalProperties::FreeForm(false)))
        .into()
}

/// An object with these members; others are texts, and left out of account.
pub(super) fn form(members: impl IntoIterator<Item = Member>) -> Shape {
    build(members)
        .additional_properties(Some(AdditionalProperties::RefOr(text())))
        .into()
}

/// An object with these members, and more that nobody lists.
pub(super) fn open(members: impl IntoIterator<Item = Member>) -> Shape {
    build(members)
        .additional_properties(Some(AdditionalProperties::FreeForm(true)))
        .into()
}

/// An object whose members nobody lists.
pub(super) fn free() -> Shape {
    open([])
}

/// A form that has a name in the document.
pub(super) fn named(name: &str) -> Shape {
    RefOr::Ref(Ref::from_schema_name(name))
}

fn of(kind: Type) -> Shape {
    ObjectBuilder::new().schema_type(kind).into()
}

fn build(members: impl IntoIterator<Item = Member>) -> ObjectBuilder {
    let mut object = ObjectBuilder::new().schema_type(Type::Object);
    for (name, shape) in members {
        object = match name.strip_suffix('?') {
            Some(name) => object.property(name, shape),
            None => object.property(name, shape).required(name),
        };
    }
    object
}
