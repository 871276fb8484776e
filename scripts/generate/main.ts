/** `npm run generate`: writes every file that is made from another. */
import { mkdir, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { generateEngineFiles } from "./engine-dialect";
import { generateReferenceDocs } from "./reference-docs";

for (const [path, content] of [
  ...(await generateEngineFiles()),
  ...(await generateReferenceDocs()),
]) {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, content);
}
