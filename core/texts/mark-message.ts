/**
 * Marks a sentence that pages translate, as the message of an `AppError` is without a mark:
 * markMessage`${count} to answer`. Its template is "{0} to answer". A value may be a message itself, and several stand
 * beside each other with "; ", ", ", ": " or a line between.
 */
export const markMessage = (
  texts: TemplateStringsArray,
  ...values: readonly (string | number)[]
): string => String.raw({ raw: texts }, ...values);
