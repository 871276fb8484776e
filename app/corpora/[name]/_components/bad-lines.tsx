import { formatCount, formatInteger } from "@/app/_lib/format";
import type { CorpusDetail } from "@/app/_lib/trpc";

/** Lines of the source that are not in the corpus, and repeated passages. */
export function BadLines({ manifest }: { manifest: NonNullable<CorpusDetail["manifest"]> }) {
  const { badLines, duplicates } = manifest;
  return (
    <div className="px-4 pt-2 pb-3 text-xs">
      <p>
        {formatCount(badLines.total, "bad line")}, {formatCount(duplicates.passages, "passage")}{" "}
        that repeated another.{" "}
        {duplicates.texts > 0
          ? `${formatCount(duplicates.texts, "passage")} with the text of another are kept under ids of their own.`
          : ""}
      </p>
      {badLines.first.length > 0 ? (
        <div className="mt-2 max-h-72 overflow-auto rounded-md border">
          <table className="w-full text-left" data-testid="bad-lines">
            <thead className="sticky top-0 bg-muted text-muted-foreground">
              <tr>
                <th scope="col" className="px-2 py-1 font-medium">
                  File
                </th>
                <th scope="col" className="px-2 py-1 font-medium">
                  Line
                </th>
                <th scope="col" className="px-2 py-1 font-medium">
                  Why
                </th>
              </tr>
            </thead>
            <tbody>
              {badLines.first.map((line, i) => (
                <tr key={i} className="border-t align-top">
                  <td className="max-w-32 px-2 py-1 break-all">{line.file}</td>
                  <td className="px-2 py-1 font-mono">{formatInteger(line.line)}</td>
                  <td className="px-2 py-1 break-words">{line.reason}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      ) : null}
      {badLines.total > badLines.first.length ? (
        <p className="mt-1 text-muted-foreground">
          The first {badLines.first.length} of {formatInteger(badLines.total)}.
        </p>
      ) : null}
    </div>
  );
}
