import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { z } from "zod";
import { AppError, parseOrThrow } from "@/contracts/errors";
import { getModelDir } from "@/lib/paths.mjs";
import { importModel } from "./import-model";
import { print } from "./terminal";

const nameSchema = z.string().regex(/^\w[\w.-]*$/, "give letters, digits, dots and dashes");

/** @throws AppError "invalid-input" for a name that no model can have, "conflict" where there is a model of this name */
export function checkNewModelName(name: string): void {
  parseOrThrow(nameSchema, name, "The model's name");
  if (existsSync(getModelDir(name)))
    throw new AppError(
      "conflict",
      `There is a model "${name}" already. Give another name by --name.`,
    );
}

/**
 * Installs a model under a name that `checkNewModelName` took. It is built beside its place and moved there: it appears
 * whole or not at all.
 *
 * @param base of an adapter: folder of the model that it is for
 * @returns folder that the model was found in
 * @throws AppError as `importModel` does
 */
export async function installModel(
  name: string,
  source: string,
  base: string | null,
  signal: AbortSignal,
): Promise<{ path: string; notes: string[] }> {
  const target = getModelDir(name);
  const building = join(dirname(target), `.importing-${randomUUID()}`);
  try {
    const { path, notes } = await importModel(source, base, building, signal);
    await rename(building, target);
    return { path, notes };
  } finally {
    await rm(building, { recursive: true, force: true });
  }
}

/** Says that a model was installed, and how it is used. */
export function printInstalled(name: string, origin: string, notes: readonly string[]): void {
  print(`model "${name}" ${origin}`);
  for (const note of notes) print(`  ${note}`);
  print(
    `train or answer with it by --set searcher.model=${name}; a running worker offers it within seconds`,
  );
}
