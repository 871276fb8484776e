import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { resolveInRoot, getModelDir, PYTHON, SETUP_DIR } from "@/lib/paths.mjs";
import { fetchModel } from "./model";
import { ModelHub, type HubRepository } from "./testing/model-hub";

// Models are found by their names, so they are installed in a setup folder of this test's own.
await vi.hoisted(async () => {
  const [{ mkdtempSync }, os, path] = await Promise.all([
    import("node:fs"),
    import("node:os"),
    import("node:path"),
  ]);
  process.env.S3_SETUP_DIR = mkdtempSync(path.join(os.tmpdir(), "fetch-model-"));
});

const ID = "Own/Tiny-Instruct";
const NAME = "tiny-instruct";
const DOWNLOADS = join(SETUP_DIR, "models", ".fetching");
const FOLDER = join(DOWNLOADS, "Own--Tiny-Instruct");

let work: string;
let saved: HubRepository;
let hub: ModelHub;
const said: string[] = [];
beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), "fetch-model-work-"));
  const folder = join(work, "tiny");
  await promisify(execFile)(
    PYTHON,
    [
      "-c",
      "import sys; from pathlib import Path; from engine.models.tiny_model import save_qwen2; save_qwen2(Path(sys.argv[1]), 'tiny')",
      folder,
    ],
    { cwd: resolveInRoot("gpu-workers") },
  );
  const names = await readdir(folder);
  const contents = await Promise.all(names.map((name) => readFile(join(folder, name))));
  saved = Object.fromEntries(names.map((name, i) => [name, contents[i]!]));
});
afterAll(async () => {
  await rm(work, { recursive: true, force: true });
  await rm(SETUP_DIR, { recursive: true, force: true });
});
beforeEach(async () => {
  said.length = 0;
  vi.spyOn(process.stdout, "write").mockImplementation((text) => said.push(String(text)) > 0);
  hub = await ModelHub.start(ID, {
    ...saved,
    "README.md": Buffer.from("a card"),
    "pytorch_model.bin": Buffer.from("weights of another form"),
  });
});
afterEach(async () => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
  await hub.stop();
  await rm(join(SETUP_DIR, "models"), { recursive: true, force: true });
});

const fetchTiny = (
  options: Partial<Parameters<typeof fetchModel>[1]> = {},
  repository = ID,
): Promise<void> =>
  fetchModel(
    repository,
    { revision: "main", endpoint: hub.endpoint, yes: true, ...options },
    new AbortController().signal,
    [],
  );
const listModels = (): Promise<string[]> => readdir(join(SETUP_DIR, "models")).catch(() => []);

describe("a model from the hub", { timeout: 120_000 }, () => {
  it("is said with size and licence, checked, and installed under its name in small letters", async () => {
    await fetchTiny();
    expect(await readdir(getModelDir(NAME))).toEqual(
      expect.arrayContaining(["config.json", "model.safetensors", "tokenizer.json"]),
    );
    expect(await readFile(join(getModelDir(NAME), "model.safetensors"))).toEqual(
      saved["model.safetensors"],
    );
    // The download is gone once the model is there.
    expect(await readdir(DOWNLOADS)).toEqual([]);
    const text = said.join("");
    expect(text).toContain(`${ID} at ${hub.commit} (main), ${hub.endpoint}`);
    expect(text).toContain("licence: apache-2.0");
    expect(text).toMatch(/download: \d+ files, [\d.]+ KiB/);
    expect(text).toContain("as transformers, it writes");
    expect(hub.requests.some((path) => /README|pytorch_model/.test(path))).toBe(false);
    await expect(fetchTiny()).rejects.toMatchObject({ code: "conflict" });
  });

  it("goes on where the transfer broke off, by later commands, and at the commit where the revision is then: what is the same in both is kept", async () => {
    const weights = `/${ID}/resolve/${hub.commit}/model.safetensors`;
    const sizeOfPart = async () => (await stat(join(FOLDER, "model.safetensors.part"))).size;
    hub.cutAfter = 10_000;
    await expect(fetchTiny()).rejects.toThrow(/breaks off again and again/);
    expect(await sizeOfPart()).toBe(10_000);
    expect(await listModels()).toEqual([".fetching"]);
    hub.cutAfter = 5_000;
    hub.requests.length = 0;
    await expect(fetchTiny()).rejects.toThrow(/breaks off/);
    expect(hub.requests.slice(1)).toEqual([
      `${weights} bytes=10000-`,
      "/cdn/model.safetensors bytes=10000-",
    ]);
    expect(said.join("")).toMatch(/of it still to come/);
    expect(await sizeOfPart()).toBe(15_000);
    const before = hub.commit;
    hub.commit = "b".repeat(40);
    const { "README.md": _card, "generation_config.json": _left, ...rest } = hub.files;
    hub.files = { ...rest, "notes.txt": Buffer.from("new") };
    hub.requests.length = 0;
    await fetchTiny();
    expect(said.join("")).toContain(`an interrupted download was of ${before}; main has moved`);
    expect(hub.requests.filter((path) => path.startsWith("/cdn/"))).toEqual([
      "/cdn/notes.txt",
      "/cdn/model.safetensors bytes=15000-",
    ]);
    expect(await readFile(join(getModelDir(NAME), "model.safetensors"))).toEqual(
      saved["model.safetensors"],
    );
    expect(existsSync(join(getModelDir(NAME), "generation_config.json"))).toBe(false);
    // The commit that was there before is gone.
    await expect(fetchTiny({ revision: before, name: "older" })).rejects.toMatchObject({
      code: "not-found",
      message: expect.stringContaining(`no model ${ID} at ${before}`) as string,
    });
  });

  it.each(["model.safetensors", "tokenizer.json"])(
    "of which %s has another checksum is refused, and that file not kept",
    async (name) => {
      hub.wrongChecksumOf = name;
      await expect(fetchTiny()).rejects.toMatchObject({
        code: "invalid-input",
        message: expect.stringContaining("0".repeat(40)) as string,
      });
      expect(existsSync(join(FOLDER, name))).toBe(false);
      expect(existsSync(join(FOLDER, `${name}.part`))).toBe(false);
      expect(await listModels()).toEqual([".fetching"]);
    },
  );

  it("that is gated needs a token, which stands in no message", async () => {
    hub.gatedBy = "hf_secret";
    await expect(fetchTiny()).rejects.toMatchObject({
      code: "unauthorized",
      message: expect.stringMatching(/is gated: accept its terms at .*--token-file/) as string,
    });
    const file = join(work, "token");
    await writeFile(file, "hf_other\n", { mode: 0o600 });
    const refused = await fetchTiny({ tokenFile: file }).catch((error: unknown) => String(error));
    expect(refused).toMatch(/does not open it/);
    await writeFile(file, "hf_secret\n");
    await chmod(file, 0o644);
    await expect(fetchTiny({ tokenFile: file })).rejects.toThrow(/chmod 600/);
    await chmod(file, 0o600);
    await fetchTiny({ tokenFile: file });
    expect(hub.authorizations.at(-1)).toBe("Bearer hf_secret");
    expect(said.join("")).toContain("gated: its terms must have been accepted");
    expect(`${said.join("")} ${String(refused)}`).not.toMatch(/hf_/);
  });

  it("gets HF_TOKEN only where it is bound to this hub", async () => {
    hub.gatedBy = "hf_variable";
    vi.stubEnv("HF_TOKEN", "hf_variable");
    await expect(fetchTiny()).rejects.toMatchObject({ code: "unauthorized" });
    expect(hub.authorizations.every((header) => header === undefined)).toBe(true);
    vi.stubEnv("S3_CREDENTIALS", `HF_TOKEN=${hub.endpoint}`);
    // The files are given out: what is refused then is what they hold.
    hub.files = { ...hub.files, "config.json": Buffer.from('{"model_type": "bert"}') };
    await expect(fetchTiny()).rejects.toThrow(/bert/);
    expect(hub.authorizations.at(-1)).toBe("Bearer hf_variable");
  });

  it("of an architecture that is not computed here is refused before its weights come", async () => {
    const config = JSON.parse(String(hub.files["config.json"])) as object;
    const body = Buffer.from(JSON.stringify({ ...config, model_type: "bert" }));
    hub.files = { ...hub.files, "config.json": body };
    await expect(fetchTiny()).rejects.toMatchObject({
      code: "unsupported",
      message: expect.stringContaining("bert") as string,
    });
    expect(hub.requests.some((path) => path.includes("safetensors"))).toBe(false);
  });

  it("says what is wrong where there is none", async () => {
    await expect(fetchTiny({}, "own/other")).rejects.toMatchObject({
      code: "unauthorized",
      message: expect.stringContaining("is not there, or not given out without a token") as string,
    });
    await expect(fetchTiny({}, "../etc")).rejects.toThrow(/owner\/name/);
    await expect(fetchTiny({ endpoint: "http://user:key@127.0.0.1" })).rejects.toThrow(/token/);
    await expect(fetchTiny({ endpoint: "http://127.0.0.1:1" })).rejects.toThrow(
      /127\.0\.0\.1:1 cannot be reached.*--endpoint/,
    );
    await expect(fetchTiny({ yes: false })).rejects.toThrow(/Say --yes/);
    const { "model.safetensors": _weights, ...rest } = hub.files;
    hub.files = { ...rest, "model.gguf": Buffer.from("x") };
    await expect(fetchTiny()).rejects.toThrow(/holds no \*\.safetensors file.*GGUF/);
  });
});
