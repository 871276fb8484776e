/** What stands in the address of the list of runs, apart from its schemas: the list needs no zod to be shown. */

/** How a setting is compared. Where both sides are numbers they are compared as numbers, else as text. */
export const CONDITION_SIGNS = ["=", "!=", "<=", "<", ">=", ">"] as const;

export const RUN_SORTS = ["newest", "oldest", "name", "reward", "duration"] as const;

/** Which runs: those in use, those put away, or those deleted. */
export const RUN_SHELVES = ["listed", "archived", "deleted"] as const;

/** Runs that one request changes at most. */
export const MOST_CHANGED_AT_ONCE = 500;
/** Runs that a filter chooses at once at most. */
export const MOST_MATCHING = 10_000;

/** A text of at most so many characters that looks as it must. */
interface TextRule {
  most: number;
  pattern: RegExp;
}

const PATH = String.raw`\w+(\.\w+)*`;
/** A name that holds what separates conditions and columns in an address is not among them. */
const PARAMETER = String.raw`param:[^,;<>=!\s]([^,;<>=!]*[^,;<>=!\s])?`;

/** A setting's path, or a parameter that another trainer reported: "param:optim/learning-rate". */
export const SETTING_PATH: TextRule = {
  most: 260,
  pattern: new RegExp(`^(${PATH}|${PARAMETER})$`),
};
export const RUN_COLUMN: TextRule = {
  most: 260,
  pattern: new RegExp(String.raw`^((last|best):\S+|setting:${PATH}|${PARAMETER})$`),
};
export const TAG: TextRule = { most: 60, pattern: /^[^,]*$/ };
export const MOST_CONDITION_VALUE = 200;

export const keepsRule = (text: string, { most, pattern }: TextRule): boolean =>
  text.length <= most && pattern.test(text);
