import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { AppError, parseOrThrow } from "@/contracts/errors";
import { describeFetchError } from "@/lib/errors";
import { readFileSize } from "@/lib/files";
import { parseJsonOrNull } from "@/lib/json";
import { retry, waitInTurn } from "@/lib/retry";
import { download } from "@/gpu-workers/runtime/download";
import { fetchGuarded } from "@/gpu-workers/runtime/guarded-fetch";

/** Models on the Hugging Face hub, or a mirror with its API: what a repository holds, and its files. */

export interface HubAccess {
  /** Address of the hub, without a trailing slash. */
  endpoint: string;
  /** Sent to the hub's own origin alone, and part of no message. */
  token: string | undefined;
  signal: AbortSignal;
  /** Pauses before a request that failed is repeated. */
  pausesMs?: readonly number[];
}

/** A file of a model. One of its checksums is known. */
interface HubModelFile {
  name: string;
  bytes: number;
  sha256: string | null;
  /** Git's id of the file as a blob. */
  gitBlob: string | null;
}

/** What a repository holds of a model at a commit. */
export interface HubModel {
  repository: string;
  /** As it was asked for: a branch, a tag or a commit. */
  revision: string;
  commit: string;
  /** As the model's card names it; null where it names none. */
  licence: string | null;
  licenceUrl: string | null;
  /** Whether its terms must be accepted before files are given out. */
  gated: boolean;
  files: HubModelFile[];
}

const createHexSchema = (length: number) => z.string().regex(new RegExp(`^[0-9a-f]{${length}}$`));
const cardSchema = z.object({
  license: z.union([z.string(), z.array(z.string())]).nullish(),
  license_name: z.string().nullish(),
  license_link: z.string().nullish(),
});
const siblingSchema = z.object({
  rfilename: z.string().min(1),
  size: z.int().nonnegative().nullish(),
  blobId: createHexSchema(40).nullish(),
  lfs: z.object({ sha256: createHexSchema(64), size: z.int().nonnegative() }).nullish(),
});
/** The hub's answer to `/api/models/ID/revision/REVISION?blobs=true`, as far as it is read. */
const repositorySchema = z.object({
  sha: createHexSchema(40),
  gated: z.union([z.boolean(), z.string()]).nullish(),
  cardData: cardSchema.nullish(),
  siblings: z.array(siblingSchema),
});
const fetchedSchema = z.object({ repository: z.string(), commit: createHexSchema(40) });
/** Which commit the files of a download folder are of. */
const FETCHED_RECORD = ".fetched.json";

const PAUSES_MS = [1_000, 4_000, 15_000];
/** What a model needs besides its weights: configuration, tokenizer, chat template. */
const SETTING_FILES = /^[^/]+\.(json|txt|jinja|model)$/;
const INDEX_FILE = "model.safetensors.index.json";
const SHARD = /^model-\d+-of-\d+\.safetensors$/;

/**
 * Asks the hub what a model consists of; nothing is downloaded.
 *
 * @throws AppError "not-found", "unauthorized" or "unsupported" with what to do, "invalid-input" for an answer of
 *   another form
 */
export async function findHubModel(
  repository: string,
  revision: string,
  access: HubAccess,
): Promise<HubModel> {
  const url = `${access.endpoint}/api/models/${repository}/revision/${encodeURIComponent(revision)}?blobs=true`;
  const { sha, gated, cardData, siblings } = parseOrThrow(
    repositorySchema,
    await fetchJson(url, `${repository} at ${revision}`, repository, access),
    `The hub's answer about ${repository}`,
  );
  const licence = cardData?.license_name ?? [cardData?.license ?? []].flat().join(", ");
  return {
    repository,
    revision,
    commit: sha,
    licence: licence === "" ? null : licence,
    licenceUrl: cardData?.license_link ?? null,
    gated: gated !== undefined && gated !== null && gated !== false,
    files: selectModelFiles(siblings, repository),
  };
}

/** Chooses the files of a model as transformers does; the weights, which are large, come last. */
function selectModelFiles(
  siblings: readonly z.infer<typeof siblingSchema>[],
  repository: string,
): HubModelFile[] {
  const names = siblings.map(({ rfilename }) => rfilename);
  const safetensors = names.filter((name) => /^[^/]+\.safetensors$/.test(name));
  const weights = safetensors.includes("model.safetensors")
    ? ["model.safetensors"]
    : safetensors.some((name) => SHARD.test(name))
      ? safetensors.filter((name) => SHARD.test(name))
      : safetensors;
  if (weights.length === 0)
    throw new AppError(
      "unsupported",
      `${repository} holds no *.safetensors file in its first folder${names.some((name) => name.endsWith(".gguf")) ? ", but GGUF files: fetch the repository that they were made of" : ""}. Weights of other forms are not read: save the model by transformers with safe_serialization=True and bring the folder by \`npm run s3 -- checkpoint import\`.`,
    );
  if (!names.includes("config.json"))
    throw new AppError(
      "unsupported",
      `${repository} holds no config.json, so it is no model as transformers saves it.`,
    );
  const settings = names.filter(
    (name) =>
      SETTING_FILES.test(name) &&
      (!name.endsWith(".index.json") ||
        (name === INDEX_FILE && weights[0] !== "model.safetensors")),
  );
  const wanted = new Set([...settings, ...weights]);
  return siblings
    .filter(({ rfilename }) => wanted.has(rfilename))
    .map(({ rfilename, size, blobId, lfs }) => {
      const bytes = lfs?.size ?? size;
      if (bytes === undefined || bytes === null || (!lfs && !blobId))
        throw new AppError(
          "unsupported",
          `The hub does not say the size and checksum of ${rfilename} of ${repository}, so what comes could not be checked. Take another mirror.`,
        );
      const gitBlob = lfs ? null : (blobId ?? null);
      return { name: rfilename, bytes, sha256: lfs?.sha256 ?? null, gitBlob };
    })
    .sort((a, b) => Number(weights.includes(a.name)) - Number(weights.includes(b.name)));
}

/** Bytes of a model's files. */
export const countModelBytes = ({ files }: Pick<HubModel, "files">): number =>
  files.reduce((sum, { bytes }) => sum + bytes, 0);

/** Bytes of a model's files that are not in the folder yet. */
export async function countMissingBytes(model: HubModel, folder: string): Promise<number> {
  let missing = 0;
  for (const { name, bytes } of model.files) {
    const here =
      (await readFileSize(join(folder, name))) ||
      (await readFileSize(join(folder, `${name}.part`)));
    missing += Math.max(0, bytes - here);
  }
  return missing;
}

/**
 * Downloads files of a model into a folder and checks each by the hub's checksum. An interrupted download goes on where
 * it stopped; files of an earlier commit that are the same in this one are kept.
 *
 * @param onProgress is given bytes of this file
 * @throws AppError as `download` does
 */
export async function downloadModelFiles(
  model: HubModel,
  files: readonly HubModelFile[],
  folder: string,
  access: HubAccess,
  onProgress: (file: string, done: number, total: number) => void,
): Promise<void> {
  const { repository, commit } = model;
  await mkdir(folder, { recursive: true });
  await removeOtherFiles(model, folder);
  await writeFile(join(folder, FETCHED_RECORD), JSON.stringify({ repository, commit }));
  for (const { name, bytes, sha256, gitBlob } of files)
    await download({
      url: `${access.endpoint}/${repository}/resolve/${commit}/${encodeURIComponent(name)}`,
      headers: buildHeaders(access),
      path: join(folder, name),
      sha256,
      ...(gitBlob !== null && { gitBlob }),
      byHand: model.gated
        ? explainGated(repository, access)
        : `If the revision was removed meanwhile, the same command asks for the newest one. Else fetch the folder of ${access.endpoint}/${repository} on a machine that can, and bring it by \`npm run s3 -- checkpoint import FOLDER\`.`,
      signal: access.signal,
      pausesMs: access.pausesMs,
      onProgress: (done) => onProgress(name, done, bytes),
    });
}

/** The commit that the files of a download folder were fetched of; null where there is none. */
export async function readFetchedCommit(folder: string): Promise<string | null> {
  const text = await readFile(join(folder, FETCHED_RECORD), "utf8").catch(() => "");
  return fetchedSchema.safeParse(parseJsonOrNull(text)).data?.commit ?? null;
}

/** Removes what is no file of the model from a download folder: left of another commit, it would be imported with it. */
async function removeOtherFiles({ files }: HubModel, folder: string): Promise<void> {
  const kept = new Set([
    FETCHED_RECORD,
    ...files.flatMap(({ name }) => [name, `${name}.part`, `${name}.tag`]),
  ]);
  for (const name of await readdir(folder))
    if (!kept.has(name)) await rm(join(folder, name), { recursive: true, force: true });
}

const buildHeaders = ({ token }: HubAccess): Record<string, string> =>
  token === undefined ? {} : { authorization: `Bearer ${token}` };

const explainGated = (repository: string, { endpoint, token }: HubAccess): string =>
  token === undefined
    ? `${repository} is gated: accept its terms at ${endpoint}/${repository}, then give a token of your account there by --token-file FILE or HF_TOKEN.`
    : `${repository} is gated, and the token that was sent does not open it: accept its terms at ${endpoint}/${repository} with the token's account, and see that the token may read gated repositories.`;

async function fetchJson(
  url: string,
  what: string,
  repository: string,
  access: HubAccess,
): Promise<unknown> {
  const { signal, token, endpoint, pausesMs = PAUSES_MS } = access;
  const request = async (): Promise<unknown> => {
    const response = await fetchGuarded(url, {
      headers: buildHeaders(access),
      signal: AbortSignal.any([signal, AbortSignal.timeout(30_000)]),
    });
    if (response.ok) return response.json();
    await response.body?.cancel();
    const { status } = response;
    if (response.headers.get("x-error-code") === "GatedRepo")
      throw new AppError("unauthorized", explainGated(repository, access));
    if (status === 401 || status === 403)
      throw new AppError(
        "unauthorized",
        token === undefined
          ? `${what} is not there, or not given out without a token (HTTP ${status}). See that the name is right; for a private or gated one give a token by --token-file FILE or HF_TOKEN.`
          : `${what} is not there, or not given out for the token that was sent (HTTP ${status}). See that the name is right, that the token is valid, and that its account may read it.`,
      );
    if (status === 404)
      throw new AppError(
        "not-found",
        `There is no model ${what} at ${endpoint} (HTTP 404). See that name and revision are right.`,
      );
    throw new Error(`HTTP ${status}`);
  };
  return retry(request, {
    backoff: waitInTurn(pausesMs),
    signal,
    shouldRetry: (error) => !(error instanceof AppError),
    buildGiveUpError: (error) =>
      new AppError(
        "not-found",
        `${new URL(url).host} cannot be reached, or does not answer as the hub does (${describeFetchError(error)}). Name a mirror by --endpoint or HF_ENDPOINT, or bring the folder by \`npm run s3 -- checkpoint import FOLDER\`.`,
        { cause: error },
      ),
  });
}
