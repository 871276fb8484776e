import reactHooks from "eslint-plugin-react-hooks";
import tseslint from "typescript-eslint";

const LINES_OF_A_FILE = 400;

export default tseslint.config(
  {
    ignores: [
      "node_modules/",
      ".next/",
      ".setup/",
      ".data*/",
      ".venv/",
      "server/platform/db/generated/",
      "test-results/",
      "playwright-report/",
      "next-env.d.ts",
      "bench/.work/",
    ],
  },
  tseslint.configs.recommended,
  {
    linterOptions: { reportUnusedDisableDirectives: "warn" },
    rules: {
      "max-lines": ["warn", { max: LINES_OF_A_FILE, skipBlankLines: false, skipComments: false }],
      "no-console": "off",
      eqeqeq: ["error", "always", { null: "ignore" }],
      "@typescript-eslint/consistent-type-imports": [
        "error",
        { fixStyle: "inline-type-imports", disallowTypeAnnotations: false },
      ],
      "@typescript-eslint/no-unused-vars": [
        "error",
        { argsIgnorePattern: "^_", varsIgnorePattern: "^_", caughtErrors: "none" },
      ],
    },
  },
  {
    files: ["app/**/*.{ts,tsx}"],
    plugins: { "react-hooks": reactHooks },
    rules: { "react-hooks/rules-of-hooks": "error", "react-hooks/exhaustive-deps": "error" },
  },
);
