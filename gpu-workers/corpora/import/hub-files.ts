import { z } from "zod";
import { AppError, parseOrThrow } from "@/contracts/errors";
import type { HubFiles } from "@/core/presets/corpus-presets";
import { describeFetchError } from "@/lib/errors";
import { retry, waitInTurn } from "@/lib/retry";

/** A file of a dataset on the hub. */
export interface HubFile {
  path: string;
  url: string;
  bytes: number;
  /** Known of the large ones. */
  sha256: string | null;
}

const treeSchema = z.array(
  z.object({
    type: z.string(),
    path: z.string(),
    size: z.number().nonnegative(),
    lfs: z.object({ oid: z.string(), size: z.number() }).nullish(),
  }),
);

const PAUSES_MS = [1_000, 4_000, 15_000];

/** Address of the hub; HF_ENDPOINT names a mirror, as it does for the hub's own client. */
export const getEndpoint = (): string =>
  (process.env.HF_ENDPOINT ?? "https://huggingface.co").replace(/\/+$/, "");

/**
 * Lists the matching files of a dataset in the order of their names.
 * @throws AppError "not-found" where the hub cannot be reached or holds none, with what to do by hand
 */
export async function listHubFiles(
  { dataset, files }: HubFiles,
  byHand: string,
  signal: AbortSignal,
  pausesMs: readonly number[] = PAUSES_MS,
): Promise<HubFile[]> {
  const found: HubFile[] = [];
  for (
    let url: string | null = `${getEndpoint()}/api/datasets/${dataset}/tree/main?recursive=true`;
    url !== null;
  ) {
    const response: Response = await fetchPage(url, dataset, byHand, signal, pausesMs);
    for (const entry of parseOrThrow(
      treeSchema,
      await response.json(),
      `The hub's list of ${dataset}`,
    )) {
      if (entry.type !== "file" || !files.test(entry.path)) continue;
      const sha256 = entry.lfs && /^[0-9a-f]{64}$/.test(entry.lfs.oid) ? entry.lfs.oid : null;
      found.push({
        path: entry.path,
        url: `${getEndpoint()}/datasets/${dataset}/resolve/main/${entry.path.split("/").map(encodeURIComponent).join("/")}`,
        bytes: entry.lfs?.size ?? entry.size,
        sha256,
      });
    }
    url = parseNextPage(response.headers.get("link"), url);
  }
  if (found.length === 0)
    throw new AppError(
      "not-found",
      `The dataset ${dataset} holds none of the files that are wanted. ${byHand}`,
    );
  return found.sort((a, b) => (a.path < b.path ? -1 : 1));
}

async function fetchPage(
  url: string,
  dataset: string,
  byHand: string,
  signal: AbortSignal,
  pausesMs: readonly number[],
): Promise<Response> {
  const request = async (): Promise<Response> => {
    const response = await fetch(url, {
      signal: AbortSignal.any([signal, AbortSignal.timeout(30_000)]),
    });
    if (response.ok) return response;
    await response.body?.cancel();
    if (response.status === 401 || response.status === 403 || response.status === 404)
      throw new AppError(
        "not-found",
        `The dataset ${dataset} is not there, or not given out to everyone (HTTP ${response.status}). ${byHand}`,
      );
    throw new Error(`HTTP ${response.status}`);
  };
  return retry(request, {
    backoff: waitInTurn(pausesMs),
    signal,
    shouldRetry: (error) => !(error instanceof AppError),
    buildGiveUpError: (error) =>
      new AppError(
        "not-found",
        `${new URL(url).host} cannot be reached from this worker (${describeFetchError(error)}). ${byHand}`,
        { cause: error },
      ),
  });
}

/** Long lists come in pages: `Link: <url>; rel="next"`. */
function parseNextPage(link: string | null, base: string): string | null {
  const next = link
    ?.split(",")
    .map((part) => /<([^>]+)>\s*;\s*rel="?next"?/.exec(part)?.[1])
    .find((url) => url !== undefined);
  return next === undefined ? null : new URL(next, base).toString();
}
