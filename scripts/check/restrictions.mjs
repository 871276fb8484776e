/** What ESLint refuses beside the layers, read by its configuration and by the test that proves that it is refused. */

const NAME = "/[a-z]Of$/";
const NAME_MESSAGE = "A function begins with a verb: `readState`, not `stateOf`.";

/** Constants that zod's calls make, so many of them in a row; what a schema has read is none, nor is a number called z. */
const SCHEMA_SELECTORS = Array.from(
  { length: 10 },
  (_, i) => `init${".callee.object".repeat(i + 1)}`,
)
  .flatMap((start) => [`${start}.name`, `${start}.object.name`])
  .map((name) => ({
    selector: `VariableDeclarator[id.type="Identifier"][id.name!=/[sS]chema$/][init.callee.property.name!=/^(parse|safeParse|toJSONSchema|registry|reduce)/][${name}="z"]`,
    message: "A schema's name ends in Schema: `questionSchema`, not `question`.",
  }));

const NAME_SELECTORS = [
  `FunctionDeclaration[id.name=${NAME}]`,
  `VariableDeclarator[id.name=${NAME}][init.type=/^(Arrow)?FunctionExpression$/]`,
  `MethodDefinition[key.name=${NAME}]`,
  `PropertyDefinition[key.name=${NAME}][value.type=/^(Arrow)?FunctionExpression$/]`,
].map((selector) => ({ selector, message: NAME_MESSAGE }));

/**
 * Functions, methods and functions in constants and properties that are called xOf, and schemas that are not called so.
 * @type {import("eslint").Linter.RuleEntry}
 */
export const nameRule = ["error", ...NAME_SELECTORS, ...SCHEMA_SELECTORS];

/**
 * Where the server may write no SQL: everywhere but in queries and in the platform, whose work it is.
 * @type {{ files: string[], ignores: string[] }}
 */
export const sqlPlaces = {
  files: ["server/**/*.ts"],
  ignores: ["server/platform/**", "**/*queries.ts", "**/*-sql.ts", "**/*.test.ts", "**/testing/**"],
};

const SQL_MESSAGE = "SQL stands by name in a feature's *queries.ts, parts of it in *-sql.ts.";
/** What a statement can be given to without an import. */
const RAW = "/^(\\$(query|execute)Raw(Unsafe|Typed)?|runPrepared)$/";

/**
 * SQL by whatever way. ESLint does not merge the options of one rule, so those of names stand here again.
 * @type {import("eslint").Linter.RulesRecord}
 */
export const sqlRules = {
  "no-restricted-imports": [
    "error",
    {
      paths: [{ name: "pg", message: "Ask the database by server/platform/db/database.ts." }],
      patterns: [
        {
          regex: "/db/query$",
          importNames: ["queryRows", "queryRow", "sql"],
          message: SQL_MESSAGE,
        },
        {
          regex: "/db/pool$",
          message: "Ask the database by server/platform/db/database.ts.",
        },
      ],
    },
  ],
  "no-restricted-syntax": [
    "error",
    ...NAME_SELECTORS,
    ...SCHEMA_SELECTORS,
    { selector: `Identifier[name=${RAW}]`, message: SQL_MESSAGE },
    { selector: `MemberExpression > Literal[value=${RAW}]`, message: SQL_MESSAGE },
  ],
};
