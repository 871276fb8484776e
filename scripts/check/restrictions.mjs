/** What ESLint refuses beside the layers, read by its configuration and by the test that proves that it is refused. */

const NAME = "/[a-z]Of$/";
const NAME_MESSAGE = "A function begins with a verb: `readState`, not `stateOf`.";

/** Constants that zod's calls make, so many of them in a row; what a schema has read is none, nor is a number called z. */
const SCHEMAS = Array.from({ length: 10 }, (_, i) => `init${".callee.object".repeat(i + 1)}`)
  .flatMap((start) => [`${start}.name`, `${start}.object.name`])
  .map((name) => ({
    selector: `VariableDeclarator[id.type="Identifier"][id.name!=/[sS]chema$/][init.callee.property.name!=/^(parse|safeParse|toJSONSchema|registry|reduce)/][${name}="z"]`,
    message: "A schema's name ends in Schema: `questionSchema`, not `question`.",
  }));

/**
 * Functions, methods and functions in constants and properties that are called xOf, and schemas that are not called so.
 * @type {import("eslint").Linter.RuleEntry}
 */
export const nameRule = [
  "error",
  ...[
    `FunctionDeclaration[id.name=${NAME}]`,
    `VariableDeclarator[id.name=${NAME}][init.type=/^(Arrow)?FunctionExpression$/]`,
    `MethodDefinition[key.name=${NAME}]`,
    `PropertyDefinition[key.name=${NAME}][value.type=/^(Arrow)?FunctionExpression$/]`,
  ].map((selector) => ({ selector, message: NAME_MESSAGE })),
  ...SCHEMAS,
];

/**
 * Where the server's features may write SQL.
 * @type {{ files: string[], ignores: string[] }}
 */
export const sqlPlaces = {
  files: ["server/features/**/*.ts"],
  ignores: ["**/*queries.ts", "**/*-sql.ts", "**/*.test.ts", "**/testing/**"],
};

/** @type {import("eslint").Linter.RuleEntry} */
export const sqlRule = [
  "error",
  {
    patterns: [
      {
        regex: "/db/query$",
        importNames: ["queryRows", "queryRow", "sql"],
        message: "SQL stands by name in a feature's *queries.ts, parts of it in *-sql.ts.",
      },
    ],
  },
];
