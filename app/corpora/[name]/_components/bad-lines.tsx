import { useText } from "@/app/_i18n/text-provider";
import { formatInteger } from "@/app/_lib/format/format";
import type { CorpusDetail } from "@/app/_lib/live/trpc";

type Manifest = NonNullable<CorpusDetail["manifest"]>;

/** Lines of the source that are not in the corpus, repeated passages, and lines to be looked at. */
export function BadLines({ manifest }: { manifest: Manifest }) {
  const t = useText();
  const { badLines, duplicates, warnings } = manifest;
  return (
    <div className="px-4 pt-2 pb-3 text-xs">
      <p>
        {t(
          "{lines, plural, one {# bad line} other {# bad lines}}, {repeats, plural, one {# passage} other {# passages}} that repeated another.",
          { lines: badLines.total, repeats: duplicates.passages },
        )}{" "}
        {duplicates.texts > 0
          ? t(
              "{count, plural, one {# passage} other {# passages}} with the text of another are kept under ids of their own.",
              { count: duplicates.texts },
            )
          : ""}
      </p>
      <LineTable lines={badLines} testId="bad-lines" />
      {warnings.total > 0 ? (
        <>
          <p className="mt-3 text-warn">
            {t(
              "{count, plural, one {# passage has an id that looks} other {# passages have ids that look}} as if a spreadsheet had rounded it. Ids that were different may be one now, and gold passages not be found.",
              { count: warnings.total },
            )}
          </p>
          <LineTable lines={warnings} testId="doubtful-lines" />
        </>
      ) : null}
    </div>
  );
}

/** The first lines of some kind, and how many there are. */
function LineTable({ lines, testId }: { lines: Manifest["badLines"]; testId: string }) {
  const t = useText();
  const { first, total } = lines;
  if (first.length === 0) return null;
  return (
    <>
      <div className="mt-2 max-h-72 overflow-auto rounded-md border">
        <table className="w-full text-left" data-testid={testId}>
          <thead className="sticky top-0 bg-muted text-muted-foreground">
            <tr>
              <th scope="col" className="px-2 py-1 font-medium">
                {t("File")}
              </th>
              <th scope="col" className="px-2 py-1 font-medium">
                {t("Line")}
              </th>
              <th scope="col" className="px-2 py-1 font-medium">
                {t("Why")}
              </th>
            </tr>
          </thead>
          <tbody>
            {first.map((line, i) => (
              <tr key={i} className="border-t align-top">
                <td className="max-w-32 px-2 py-1 break-all">{line.file}</td>
                <td className="px-2 py-1 font-mono">{formatInteger(line.line)}</td>
                <td className="px-2 py-1 break-words">{line.reason}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {total > first.length ? (
        <p className="mt-1 text-muted-foreground">
          {t("The first {shown} of {total}.", {
            shown: first.length,
            total: formatInteger(total),
          })}
        </p>
      ) : null}
    </>
  );
}
