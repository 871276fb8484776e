/** What ESLint refuses beside the layers, read by its configuration and by the test that proves that it is refused. */

const NAME = "/[a-z]Of$/";
const NAME_MESSAGE = "A function begins with a verb: `readState`, not `stateOf`.";

/**
 * Functions, methods and functions in constants and properties that are called xOf.
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
