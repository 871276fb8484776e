/** What holds a file's text or rows, told by its first bytes, never by its name. */

export type Container =
  | "gzip"
  | "zstd"
  | "bzip2"
  | "xz"
  | "7z"
  | "lz4"
  | "zip"
  | "tar"
  | "rar"
  | "compress"
  | "ole"
  | "avro"
  | "parquet"
  | "arrow"
  | "sqlite"
  | "hdf5"
  | "pickle"
  | "numpy"
  | "pdf"
  | "lfs-pointer"
  | "utf-32";

const MAGIC: readonly (readonly [Container, number, string])[] = [
  ["gzip", 0, "\x1f\x8b"],
  ["zstd", 0, "\x28\xb5\x2f\xfd"],
  ["bzip2", 4, "1AY&SY"],
  ["xz", 0, "\xfd7zXZ\0"],
  ["7z", 0, "7z\xbc\xaf\x27\x1c"],
  ["lz4", 0, "\x04\x22\x4d\x18"],
  ["zip", 0, "PK\x03\x04"],
  ["zip", 0, "PK\x05\x06"],
  // The first of several parts.
  ["zip", 0, "PK\x07\x08PK"],
  ["rar", 0, "Rar!\x1a\x07"],
  ["compress", 0, "\x1f\x9d"],
  ["ole", 0, "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"],
  ["avro", 0, "Obj\x01"],
  ["tar", 257, "ustar"],
  ["parquet", 0, "PAR1"],
  ["arrow", 0, "ARROW1"],
  ["sqlite", 0, "SQLite format 3\0"],
  ["hdf5", 0, "\x89HDF\r\n\x1a\n"],
  ["numpy", 0, "\x93NUMPY"],
  ["pdf", 0, "%PDF-"],
  ["utf-32", 0, "\xff\xfe\0\0"],
  ["utf-32", 0, "\0\0\xfe\xff"],
  ["lfs-pointer", 0, "version https://git-lfs"],
];

/** How many first bytes of a file `detectContainer` looks at. */
export const CONTAINER_HEAD_BYTES = 512;

/** The container that these first bytes begin; null: none that is known, so it is taken for text. */
export function detectContainer(head: Uint8Array): Container | null {
  for (const [container, offset, magic] of MAGIC) {
    const bytes = head.subarray(offset, offset + magic.length);
    if (bytes.length === magic.length && String.fromCharCode(...bytes) === magic) return container;
  }
  // A frame that Zstandard's readers pass over.
  if (head[0]! >> 4 === 5 && String.fromCharCode(...head.subarray(1, 4)) === "*M\x18")
    return "zstd";
  if (isOldTar(head)) return "tar";
  // A pickle of protocol 2 and later: its mark, the protocol, and a frame or an opening.
  if (head[0] === 0x80 && (head[1] ?? 0) >= 2 && (head[1] ?? 0) <= 5) return "pickle";
  return null;
}

/** Whether a header of tar of before POSIX begins here, which has no mark: the sum of its bytes stands in it. */
function isOldTar(head: Uint8Array): boolean {
  const field = String.fromCharCode(...head.subarray(148, 156));
  if (head.length < CONTAINER_HEAD_BYTES || !/^ *[0-7]+[\0 ]*$/.test(field)) return false;
  const sum = head
    .subarray(0, CONTAINER_HEAD_BYTES)
    .reduce((total, byte, i) => total + (i >= 148 && i < 156 ? 32 : byte), 0);
  return parseInt(field.trim(), 8) === sum;
}

const ADVICE: Record<Container, string> = {
  gzip: "is gzip: unpack it (gunzip) and bring what is in it",
  zstd: "is Zstandard: unpack it (zstd -d) and bring what is in it",
  bzip2: "is bzip2: unpack it (bunzip2) and bring what is in it",
  xz: "is xz: unpack it (xz -d) and bring what is in it",
  "7z": "is a 7z archive: unpack it and bring the file in it",
  lz4: "is lz4: unpack it (lz4 -d) and bring what is in it",
  zip: "is a zip archive (as Excel's .xlsx is): unpack it (unzip), or save the sheet as CSV, and bring that file",
  rar: "is a RAR archive: unpack it and bring the file in it",
  compress: "is compressed by compress: unpack it (uncompress) and bring what is in it",
  ole: "is a file of old Excel or Word (.xls, .doc): save the sheet as CSV and bring that file",
  avro: "is Avro: write it as parquet or JSON lines and bring that file",
  tar: "is a tar archive: unpack it (tar -xf) and bring the file in it",
  parquet: "is parquet: set the format to parquet",
  arrow: "is Arrow: write it as parquet (pandas: to_parquet) and bring that file",
  sqlite: "is an SQLite database: export the table as CSV and bring that file",
  hdf5: "is HDF5: write the table as parquet or CSV and bring that file",
  pickle: "is a Python pickle, which is never opened: write it as JSON lines or parquet",
  numpy: "is a NumPy array: write it as JSON lines or parquet",
  pdf: "is a PDF: bring its text",
  "lfs-pointer": "is a pointer of Git LFS, not the file itself: git lfs pull fetches it",
  "utf-32": "is UTF-32: save it as UTF-8",
};

/** What a container is and what to do where it is not read: "is bzip2: unpack it ...". */
export const adviseOnContainer = (container: Container): string => ADVICE[container];
