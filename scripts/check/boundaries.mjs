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

const element = (/** @type {string} */ type, /** @type {string} */ pattern) => ({
  type,
  pattern,
  partialMatch: false,
});
const worker = (/** @type {string} */ folder) => `worker:${folder}`;
const retrieval = (/** @type {string} */ folder) => `retrieval:${folder}`;

const elements = [
  ...RETRIEVAL_FOLDERS.map((folder) =>
    element(retrieval(folder), `gpu-workers/retrieval/${folder}`),
  ),
  ...WORKER_FOLDERS.map((folder) => element(worker(folder), `gpu-workers/${folder}`)),
  element("gpu-workers", "gpu-workers"),
  element("router", "server/trpc"),
  ...Object.keys(SERVER_FOLDERS).map((folder) => element(folder, `server/${folder}`)),
  ...Object.keys(TOP_FOLDERS)
    .filter((folder) => folder !== "gpu-workers")
    .map((folder) => element(folder, folder)),
  ...["scripts", "bench", "e2e", "prisma"].map((folder) => element(folder, folder)),
];

/** Every type of element that stands under a top-level folder. */
function typesUnder(/** @type {string} */ folder) {
  if (folder === "gpu-workers")
    return ["gpu-workers", ...WORKER_FOLDERS.map(worker), ...RETRIEVAL_FOLDERS.map(retrieval)];
  return folder === "server" ? ["server", "router", ...Object.keys(SERVER_FOLDERS)] : [folder];
}

const allow = (/** @type {string[]} */ from, /** @type {string[]} */ to, extra = {}) => ({
  from: { element: { types: { anyOf: from } } },
  allow: { to: { element: { types: { anyOf: to } } }, ...extra },
});

function workerPolicies() {
  const policies = WORKER_FOLDERS.map((folder, i) => {
    const right = WORKER_FOLDERS.slice(i).map(worker);
    return allow(
      folder === "retrieval"
        ? [worker(folder), ...RETRIEVAL_FOLDERS.map(retrieval)]
        : [worker(folder)],
      i < WORKER_FOLDERS.indexOf("retrieval")
        ? [...right, ...RETRIEVAL_FOLDERS.map(retrieval)]
        : right,
    );
  });
  const within = RETRIEVAL_FOLDERS.map((folder, i) =>
    allow([retrieval(folder)], RETRIEVAL_FOLDERS.slice(i).map(retrieval)),
  );
  return [...policies, ...within];
}

const policies = [
  ...Object.entries(TOP_FOLDERS).map(([folder, targets]) =>
    allow(typesUnder(folder), [
      ...targets.flatMap(typesUnder),
      ...(folder === "gpu-workers" || folder === "server" ? [] : typesUnder(folder)),
    ]),
  ),
  ...workerPolicies(),
  allow(["server", "router"], typesUnder("server")),
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
