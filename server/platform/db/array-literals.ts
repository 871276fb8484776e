/**
 * Long arrays as PostgreSQL reads them from text: a driver that writes them element by element takes ten times as long.
 * The statement must name the type (`${formatNumbers(steps)}::int[]`).
 */
export const formatNumbers = (numbers: readonly number[]): string => `{${numbers.join(",")}}`;

export const formatTexts = (texts: readonly string[]): string =>
  `{${texts.map((text) => `"${text.replace(/["\\]/g, "\\$&")}"`).join(",")}}`;
