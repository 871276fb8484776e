import { importUpstreamRequestSchema } from "@/contracts/api/upstream";
import type { TestServer } from "@/server/testing/test-server";
import { formatDocuments } from "@/contracts/formats/upstream/documents";
import { buildDocument } from "@/server/testing/samples";

/** Documents of the samples as upstream writes them. */
export const docs = (...ids: string[]) => formatDocuments(ids.map(buildDocument));
/** A file of a folder that is imported. */
export const file = (path: string, value: unknown) => ({
  path,
  content: typeof value === "string" ? value : JSON.stringify(value),
});
/** A conversation as upstream's code writes it: a first window, a query, its window, two selections. */
export const conversation = (question: string, first: string[], second: string[]): string => {
  const window = docs(...first).replace(/^(Doc \d+)\(/gm, "$1 (");
  return `\n<question>\n${question}\n</question>\n<information>\n${window}\n</information>\n<|im_end|>\n<|im_start|>assistant\n<important_info>[1]</important_info>\n<search_complete>False</search_complete>\n<query>{"query": "the writer"}</query>\n\n<information>${docs(...second)}</information>\n\n<important_info>[1]</important_info>\n<search_complete>True</search_complete><|im_end|>`;
};

/** Imports files of upstream as a person's browser sends them. */
export const importFiles = (
  { plane }: TestServer,
  files: { path: string; content: string }[],
  rest: object = {},
) => plane.upstreamImport.import(importUpstreamRequestSchema.parse({ files, ...rest }), "tester");
