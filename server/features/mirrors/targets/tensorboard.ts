import { mkdir, rm, unlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { appendAt } from "./append-file";
import { encodeFileStart, encodePoints } from "./event-file";
import { buildFolderName } from "./run-folder";
import type { MirrorTarget } from "./target";

/**
 * Event files, each in a folder of its run. The place holds the file's length, to which it is cut before it grows: a
 * write whose end was not seen leaves nothing behind.
 *
 * @param folder of all mirrors; places are named from there
 * @param own name of this mirror's folder in it
 */
export const createTensorboardTarget = (folder: string, own: string): MirrorTarget => {
  const getPath = (place: Readonly<Record<string, string | number>>): string =>
    join(folder, String(place.folder), String(place.file));
  return {
    takes: "points",
    takesBack: true,
    async open(run, generation) {
      const name = join(own, buildFolderName(run));
      // TensorBoard reads files in the order of their names; a later one replaces what earlier ones told.
      const seconds = Math.floor(run.startedAt.getTime() / 1_000);
      const file = `events.out.tfevents.${String(seconds).padStart(10, "0")}.s3.${String(generation).padStart(4, "0")}`;
      const start = encodeFileStart(run.startedAt.getTime());
      await mkdir(join(folder, name), { recursive: true });
      await writeFile(join(folder, name, file), start, { mode: 0o600 });
      return { folder: name, file, bytes: start.length };
    },
    async append(place, _run, points) {
      const bytes = await appendAt(getPath(place), Number(place.bytes), encodePoints(points));
      return { place: { ...place, bytes } };
    },
    tell: () => Promise.resolve(),
    withdraw: (place) => rm(getPath(place), { force: true }),
    async test() {
      await mkdir(join(folder, own), { recursive: true });
      const path = join(folder, own, ".s3-test");
      await writeFile(path, "");
      await unlink(path);
    },
  };
};
