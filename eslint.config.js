import boundaries from "eslint-plugin-boundaries";
import i18next from "eslint-plugin-i18next";
import jsxA11y from "eslint-plugin-jsx-a11y";
import reactHooks from "eslint-plugin-react-hooks";
import tseslint from "typescript-eslint";
import { boundaryFiles, boundaryRule, boundarySettings } from "./scripts/check/boundaries.mjs";
import { nameRule, sqlPlaces, sqlRules } from "./scripts/check/restrictions.mjs";

const LINES_OF_A_FILE = 400;
const LINES_OF_A_TEST = 500;
const LINES_OF_A_FUNCTION = 120;

export default tseslint.config(
  {
    ignores: [
      "node_modules/",
      ".next/",
      ".setup/",
      ".data*/",
      ".venv/",
      "server/platform/db/generated/",
      "scripts/check/fixtures/",
      "test-results/",
      "playwright-report/",
      "next-env.d.ts",
      "bench/.work/",
    ],
  },
  // Those of recommendedTypeChecked that need types stand in scripts/check/typed-rules.json: docs/decisions/0052.
  tseslint.configs.recommended,
  {
    linterOptions: { reportUnusedDisableDirectives: "error" },
    rules: {
      "max-lines": ["error", { max: LINES_OF_A_FILE, skipBlankLines: true, skipComments: true }],
      "max-lines-per-function": [
        "error",
        { max: LINES_OF_A_FUNCTION, skipBlankLines: true, skipComments: true },
      ],
      "no-useless-rename": "error",
      eqeqeq: ["error", "always", { null: "ignore" }],
      "@typescript-eslint/consistent-type-imports": [
        "error",
        { fixStyle: "inline-type-imports", disallowTypeAnnotations: false },
      ],
      "@typescript-eslint/no-unused-vars": [
        "error",
        { argsIgnorePattern: "^_", varsIgnorePattern: "^_", caughtErrors: "none" },
      ],
      "no-restricted-syntax": nameRule,
    },
  },
  {
    files: boundaryFiles,
    plugins: { boundaries },
    settings: {
      ...boundarySettings,
      "import/resolver": { typescript: { alwaysTryTypes: true, project: "tsconfig.json" } },
    },
    rules: { "boundaries/dependencies": boundaryRule },
  },
  {
    // A test tells a story from its beginning to its end; compose.ts is a list of what is made of what.
    files: ["**/*.{test,spec}.{ts,tsx}", "**/testing/**", "server/compose.ts"],
    rules: { "max-lines-per-function": "off" },
  },
  {
    files: ["**/*.test.{ts,tsx}"],
    rules: {
      "max-lines": ["error", { max: LINES_OF_A_TEST, skipBlankLines: true, skipComments: true }],
    },
  },
  {
    files: ["app/**/*.{ts,tsx}"],
    ...jsxA11y.flatConfigs.recommended,
    plugins: { ...jsxA11y.flatConfigs.recommended.plugins, "react-hooks": reactHooks },
    // Our controls are checked as the elements that they draw.
    settings: {
      "jsx-a11y": {
        components: { Button: "button", Input: "input", Select: "select", Textarea: "textarea" },
      },
    },
    rules: {
      ...jsxA11y.flatConfigs.recommended.rules,
      "react-hooks/rules-of-hooks": "error",
      "react-hooks/exhaustive-deps": "error",
    },
  },
  {
    files: ["app/**/*.{ts,tsx}"],
    ignores: ["app/_ui/{link,help-panel}.tsx", "app/glossary/page.tsx", "**/*.test.{ts,tsx}"],
    rules: {
      "no-restricted-imports": [
        "error",
        {
          paths: [
            { name: "next/link", message: "Use Link of app/_ui/link.tsx." },
            {
              name: "@/core/glossary/glossary",
              message: "The page would be sent all of it: use shown-texts.ts and term-titles.ts.",
            },
          ],
        },
      ],
    },
  },
  { ...sqlPlaces, rules: sqlRules },
  {
    // What a person reads comes from the page's language: `t("…")`, see app/_i18n.
    files: ["app/**/*.tsx"],
    ignores: ["**/*.test.tsx", "app/_testing/**"],
    plugins: { i18next },
    rules: {
      "i18next/no-literal-string": [
        "error",
        {
          mode: "jsx-only",
          "jsx-attributes": {
            include: [
              "^(title|label|placeholder|description|hint|note|detail|alt|confirmLabel)$",
              "^aria-(label|roledescription|description)$",
            ],
          },
          callees: {
            exclude: [
              "^t$",
              "t\\.rich",
              "markText",
              "includes",
              "startsWith",
              "endsWith",
              // What these are given is a name, and no text.
              "is[A-Z]\\w+",
              "\\w+Props",
            ],
          },
          "jsx-components": { exclude: ["code", "kbd", "pre"] },
          // Symbols, units, names and what is written the same in every language.
          words: {
            exclude: [
              "^[^A-Za-z]*[A-Za-z]?[^A-Za-z]*$",
              "^[\\s(·]*(s3|ms|MiB|GiB|JSON|CSV|PNG|SVG|MLflow|BM25|docs/\\S+)[\\s).,:·]*$",
            ],
          },
        },
      ],
    },
  },
);
