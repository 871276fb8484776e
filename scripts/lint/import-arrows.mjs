/**
 * The import rule of the house (docs/architecture.md): which folder may import from which.
 * A rule of our own, because it must see through both ways of writing a path ("@/server/x", "../server/x"),
 * dynamic imports and type-only imports, and a table says it all.
 */
import { dirname, posix, relative, sep } from "node:path";

/** Folders whose imports are restricted, and what each may import besides itself and packages. */
export const ARROWS = {
  app: ["contracts"],
  server: ["contracts"],
  "gpu-workers": ["contracts"],
  contracts: [],
};

/** What may be imported as a type only: the router's type gives the page its API. */
export const TYPE_ARROWS = { app: ["server/api/router"] };

const RESTRICTED_TARGETS = [
  "app",
  "server",
  "gpu-workers",
  "contracts",
  "scripts",
  "bench",
  "e2e",
  "prisma",
];

const isWithin = (path, folder) => path === folder || path.startsWith(`${folder}/`);
const withoutExtension = (path) => path.replace(/\.(?:[cm]?[jt]sx?)$/, "");

/**
 * Whether one file may import another.
 * @param {string} from path of the importing file in the repository
 * @param {string} specifier as written
 * @param {boolean} isTypeOnly
 * @returns {string | null} the forbidden target, or null
 */
export function forbiddenTarget(from, specifier, isTypeOnly) {
  const folder = from.split("/")[0];
  const allowed = ARROWS[folder];
  if (!allowed) return null;
  const target = specifier.startsWith("@/")
    ? posix.normalize(specifier.slice(2))
    : specifier.startsWith(".")
      ? posix.join(dirname(from), specifier)
      : null;
  if (target === null) return null; // a package
  const targetFolder = target.split("/")[0];
  if (
    targetFolder === folder ||
    allowed.includes(targetFolder) ||
    !RESTRICTED_TARGETS.includes(targetFolder)
  )
    return null;
  const isRouterType =
    isTypeOnly &&
    (TYPE_ARROWS[folder] ?? []).some((path) => isWithin(withoutExtension(target), path));
  return isRouterType ? null : target;
}

/** Type-only is "import type", or every name of it marked so; a bare import runs the module. */
function isTypeImport(node) {
  if (node.importKind === "type" || node.exportKind === "type") return true;
  const names = node.specifiers ?? [];
  return (
    names.length > 0 &&
    names.every((name) => name.importKind === "type" || name.exportKind === "type")
  );
}

export const importArrows = {
  meta: {
    type: "problem",
    docs: { description: "imports follow the arrows of the house" },
    messages: {
      forbidden:
        "{{folder}} must not import {{target}}: {{folder}} may import {{allowed}}. What two sides share belongs in contracts.",
    },
    schema: [],
  },
  create(context) {
    const from = relative(context.cwd, context.filename).split(sep).join("/");
    const folder = from.split("/")[0];
    const check = (node, source, isTypeOnly) => {
      const specifier =
        source?.type === "TemplateLiteral" && source.quasis.length === 1
          ? source.quasis[0].value.cooked
          : source?.value;
      if (typeof specifier !== "string") return;
      const target = forbiddenTarget(from, specifier, isTypeOnly);
      if (target === null) return;
      const allowed = [
        folder,
        ...ARROWS[folder],
        ...(TYPE_ARROWS[folder] ?? []).map((path) => `the type of ${path}`),
        "packages",
      ].join(", ");
      context.report({ node, messageId: "forbidden", data: { folder, target, allowed } });
    };
    return {
      ImportDeclaration: (node) => check(node, node.source, isTypeImport(node)),
      ExportNamedDeclaration: (node) => check(node, node.source, isTypeImport(node)),
      ExportAllDeclaration: (node) => check(node, node.source, node.exportKind === "type"),
      ImportExpression: (node) => check(node, node.source, false),
      TSImportType: (node) => check(node, node.source ?? node.argument?.literal, true),
      TSImportEqualsDeclaration: (node) =>
        check(node, node.moduleReference?.expression, node.importKind === "type"),
      CallExpression: (node) => {
        if (node.callee.type === "Identifier" && node.callee.name === "require")
          check(node, node.arguments[0], false);
      },
    };
  },
};
