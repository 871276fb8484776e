import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import type { MirrorAddress } from "@/contracts/api/mirrors";
import { createTarget, findMirrorFolder } from "./create-target";
import type { MirroredRun } from "./target";

const RUN: MirroredRun = {
  id: "0f0e0d0c-0000-4000-8000-000000000000",
  name: "a run",
  kind: "train",
  state: "running",
  attempt: 1,
  config: {},
  tags: [],
  error: null,
  startedAt: new Date(1_700_000_000_000),
  endedAt: null,
};
const POINTS = [{ name: "reward/mean", step: 1, value: 1, at: 1_700_000_001_000 }];

it.each<MirrorAddress>([{ kind: "tensorboard" }, { kind: "wandb", project: "s3" }])(
  "gives each mirror files of its own, also one that was removed and added again: $kind",
  async (address) => {
    const dataDir = await mkdtemp(join(tmpdir(), "mirrors-"));
    try {
      if (address.kind !== "tensorboard" && address.kind !== "wandb") throw new Error("no files");
      const first = { id: "11111111-0000-4000-8000-000000000000", name: "files" };
      const again = { id: "22222222-0000-4000-8000-000000000000", name: "files" };
      const target = createTarget(address, first, dataDir);
      const place = await target.open(RUN, 0);
      await target.append(place, RUN, POINTS);
      const read = async () => {
        const folder = join(findMirrorFolder(address.kind, first, dataDir), "a-run-0f0e0d0c");
        const [file] = await readdir(folder);
        return readFile(join(folder, file!));
      };
      const written = await read();
      expect(written.toString("latin1")).toContain("reward/mean");
      await createTarget(address, again, dataDir).open(RUN, 0);
      expect(await read()).toEqual(written);
      expect((await readdir(join(dataDir, address.kind))).sort()).toEqual([
        "files-11111111",
        "files-22222222",
      ]);
    } finally {
      await rm(dataDir, { recursive: true });
    }
  },
);
