/**
 * Which folder may import which; docs/architecture.md draws the same. Read by ESLint
 * (eslint-plugin-boundaries, layers) and by the test that proves that a wrong import is refused.
 */

/** From left to right: a folder of gpu-workers imports only folders to its right. */
const WORKER_FOLDERS = [
  "agent",
  "jobs",
  "methods",
  "rl",
  "searcher",
  "llm",
  "retrieval",
  "corpora",
  "runtime",
];

/** The same inside gpu-workers/retrieval. */
const RETRIEVAL_FOLDERS = ["service", "backends", "indexes", "encoders", "corpus"];

/** What a top-level folder may import besides itself. */
const TOP_FOLDERS = {
  contracts: [],
  lib: [],
  core: ["contracts"],
  server: ["contracts", "core", "lib"],
  "gpu-workers": ["contracts", "core", "lib"],
  cli: ["contracts", "core", "lib"],
  app: ["contracts", "core"],
};

/** What a folder of the server may import of the server besides itself; `server/trpc` and the files beside them: all. */
const SERVER_FOLDERS = {
  platform: [],
  features: ["platform"],
  http: ["platform", "features", "router", "server"],
};

const defineElement = (/** @type {string} */ type, /** @type {string} */ pattern) => ({
  type,
  pattern,
  partialMatch: false,
});
const nameWorkerFolder = (/** @type {string} */ folder) => `worker:${folder}`;
const nameRetrievalFolder = (/** @type {string} */ folder) => `retrieval:${folder}`;

const elements = [
  ...RETRIEVAL_FOLDERS.map((folder) =>
    defineElement(nameRetrievalFolder(folder), `gpu-workers/retrieval/${folder}`),
  ),
  ...WORKER_FOLDERS.map((folder) =>
    defineElement(nameWorkerFolder(folder), `gpu-workers/${folder}`),
  ),
  defineElement("gpu-workers", "gpu-workers"),
  defineElement("router", "server/trpc"),
  ...Object.keys(SERVER_FOLDERS).map((folder) => defineElement(folder, `server/${folder}`)),
  ...Object.keys(TOP_FOLDERS)
    .filter((folder) => folder !== "gpu-workers")
    .map((folder) => defineElement(folder, folder)),
  ...["scripts", "bench", "e2e", "prisma"].map((folder) => defineElement(folder, folder)),
];

/** Every type of element that stands under a top-level folder. */
function listTypes(/** @type {string} */ folder) {
  if (folder === "gpu-workers")
    return [
      "gpu-workers",
      ...WORKER_FOLDERS.map(nameWorkerFolder),
      ...RETRIEVAL_FOLDERS.map(nameRetrievalFolder),
    ];
  return folder === "server" ? ["server", "router", ...Object.keys(SERVER_FOLDERS)] : [folder];
}

const allow = (/** @type {string[]} */ from, /** @type {string[]} */ to, extra = {}) => ({
  from: { element: { types: { anyOf: from } } },
  allow: { to: { element: { types: { anyOf: to } } }, ...extra },
});

function buildWorkerPolicies() {
  const policies = WORKER_FOLDERS.map((folder, i) => {
    const right = WORKER_FOLDERS.slice(i).map(nameWorkerFolder);
    return allow(
      folder === "retrieval"
        ? [nameWorkerFolder(folder), ...RETRIEVAL_FOLDERS.map(nameRetrievalFolder)]
        : [nameWorkerFolder(folder)],
      i < WORKER_FOLDERS.indexOf("retrieval")
        ? [...right, ...RETRIEVAL_FOLDERS.map(nameRetrievalFolder)]
        : right,
    );
  });
  const within = RETRIEVAL_FOLDERS.map((folder, i) =>
    allow([nameRetrievalFolder(folder)], RETRIEVAL_FOLDERS.slice(i).map(nameRetrievalFolder)),
  );
  return [...policies, ...within];
}

const policies = [
  ...Object.entries(TOP_FOLDERS).map(([folder, targets]) =>
    allow(listTypes(folder), [
      ...targets.flatMap(listTypes),
      ...(folder === "gpu-workers" || folder === "server" ? [] : listTypes(folder)),
    ]),
  ),
  ...buildWorkerPolicies(),
  allow(["server", "router"], listTypes("server")),
  ...Object.entries(SERVER_FOLDERS).map(([folder, targets]) =>
    allow([folder], [folder, ...targets]),
  ),
  // A feature knows nothing of what carries its answers, but where its procedures stand.
  {
    from: {
      element: { types: { anyOf: ["features"] } },
      file: { categories: { anyOf: ["procedures"] } },
    },
    allow: { to: { element: { types: { anyOf: ["router"] } } } },
  },
  allow(["scripts", "bench", "e2e", "prisma"], ["*"]),
  // The router's type gives pages and command line their API.
  allow(["app", "cli"], ["router"], { dependency: { kind: "type" } }),
  // Tests may use what they need to drive the real thing.
  {
    from: { file: { categories: { anyOf: ["test"] } } },
    allow: { to: { element: { types: { anyOf: ["*"] } } } },
  },
];

export const boundaryFiles = ["**/*.{ts,tsx,mjs}"];

export const boundarySettings = {
  "boundaries/elements": elements,
  "boundaries/files": [
    { category: "procedures", pattern: ["server/features/*/router.ts"] },
    { category: "test", pattern: ["**/*.{test,spec}.{ts,tsx}", "**/testing/**"] },
  ],
  "boundaries/ignore": ["*.{js,mjs,ts}"],
};

/** @type {import("eslint").Linter.RuleEntry} */
export const boundaryRule = [
  "error",
  {
    default: "disallow",
    message:
      "{{from.element.type}} must not import {{to.element.type}} (scripts/check/boundaries.mjs). What two sides share belongs in contracts (schemas), core (rules) or lib (utilities).",
    policies,
  },
];
