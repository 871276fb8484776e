/** Name of a folder or file of a run or a mirror: what its name may hold there, and the beginning of its id, which tells it from others. */
export function buildFolderName({ name, id }: { name: string; id: string }): string {
  const plain = name
    .normalize("NFKC")
    .replaceAll(/[^\p{L}\p{N}._-]+/gu, "-")
    .replaceAll(/^[.-]+|-+$/g, "");
  return `${plain.slice(0, 60) || "run"}-${id.slice(0, 8)}`;
}
