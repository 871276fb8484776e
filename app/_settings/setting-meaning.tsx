import { Link } from "@/app/_ui/link";
import { useText } from "@/app/_i18n/text-provider";
import { WORDS } from "@/app/_lib/format/words";
import { listSettingMeanings } from "@/core/run/settings";
import { Description } from "./description";
import { SettingFacts } from "./setting-facts";
import { SETTING_TERMS } from "./setting-terms";

/**
 * What a setting means, as the form of a new run says it: once for all kinds of run, or apart where they differ; with
 * links to where the glossary and the list of all settings explain it.
 */
export function SettingMeaning({ path }: { path: string }) {
  const t = useText();
  const meanings = listSettingMeanings(path);
  const term = SETTING_TERMS[path];
  if (meanings.length === 0)
    return <p className="mt-1">{t("No form shows a setting of this name.")}</p>;
  return (
    <>
      {meanings.map(({ kinds, title, description, default: fallback, paper }, i) => (
        <div key={i} className="mt-1">
          <p>
            {t(title)}
            {meanings.length > 1 ? (
              <span className="text-muted-foreground">
                {" "}
                ({kinds.map((kind) => t(WORDS[kind]!)).join(", ")})
              </span>
            ) : null}
          </p>
          <p className="text-muted-foreground">
            <Description text={t(description)} />
          </p>
          <SettingFacts fallback={fallback} paper={paper} />
        </div>
      ))}
      <p className="mt-1 flex flex-wrap gap-x-3">
        {term ? (
          <Link href={`/glossary#${term}`} className="text-primary hover:underline">
            {t("In the glossary")}
          </Link>
        ) : null}
        <Link href={`/glossary/settings#${path}`} className="text-primary hover:underline">
          {t("Among all settings")}
        </Link>
      </p>
    </>
  );
}
