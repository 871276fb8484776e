import { readText, titlePage } from "@/app/_i18n/server";
import type { Text } from "@/app/_i18n/format-text";
import { WORDS } from "@/app/_lib/format/words";
import { Description } from "@/app/_settings/description";
import { SETTING_TERMS } from "@/app/_settings/setting-terms";
import { Link } from "@/app/_ui/link";
import { describeControl, describeValue } from "@/core/run/describe-value";
import { listSettingSections, type SettingMeaning } from "@/core/run/settings";

export const generateMetadata = titlePage("All settings of a run");

/** Of the schemas alone, so once for all requests. */
const SECTIONS = listSettingSections();

/** What can be set in a run's configuration, as docs/reference/settings.md has it; `#path` leads to a setting. */
export default async function SettingsPage() {
  const t = await readText();
  return (
    <>
      <h1 className="text-lg font-semibold">{t("All settings of a run")}</h1>
      <p className="text-muted-foreground">
        {t("What each means, what it takes, its default and what the paper used.")}
      </p>
      <nav aria-label={t("Sections")} className="mt-3 flex flex-wrap gap-x-4 gap-y-1">
        {SECTIONS.map(({ id, title }) => (
          <a key={id} href={`#section-${id}`} className="text-primary hover:underline">
            {t(title)}
          </a>
        ))}
      </nav>
      {SECTIONS.map(({ id, title, settings }) => (
        <section key={id} id={`section-${id}`} className="mt-6 scroll-mt-16" aria-label={t(title)}>
          <h2 className="font-semibold">{t(title)}</h2>
          <dl className="mt-2 gap-x-10 md:columns-2 2xl:columns-3">
            {settings.map(({ path, meanings }) => (
              <div
                key={path}
                id={path}
                className="mb-4 scroll-mt-16 break-inside-avoid rounded break-words target:bg-primary-soft target:p-2"
              >
                <dt className="font-mono">{path}</dt>
                {meanings.map((meaning, i) => (
                  <dd key={i}>
                    <Meaning t={t} meaning={meaning} isOneOfSeveral={meanings.length > 1} />
                  </dd>
                ))}
                <TermLink t={t} path={path} />
              </div>
            ))}
          </dl>
        </section>
      ))}
    </>
  );
}

interface MeaningProps {
  t: Text;
  meaning: SettingMeaning;
  isOneOfSeveral: boolean;
}

function Meaning({ t, meaning, isOneOfSeveral }: MeaningProps) {
  const { kinds, title, description, control, default: fallback, paper } = meaning;
  const facts = [
    describeControl(t, control),
    fallback === undefined
      ? t("must be given")
      : t("default {value}", { value: describeValue(t, fallback) }),
    ...(paper === undefined ? [] : [t("paper {paper}", { paper })]),
  ];
  return (
    <>
      <span className="font-medium">{t(title)}</span>
      {isOneOfSeveral ? (
        <span className="text-muted-foreground">
          {" "}
          ({kinds.map((kind) => t(WORDS[kind]!)).join(", ")})
        </span>
      ) : null}
      <span className="block">
        <Description text={t(description)} />
      </span>
      <span className="block text-xs text-muted-foreground">
        <Description text={facts.join(" · ")} />
      </span>
    </>
  );
}

/** Where the glossary says more of a setting. */
function TermLink({ t, path }: { t: Text; path: string }) {
  const term = SETTING_TERMS[path];
  if (!term) return null;
  return (
    <dd>
      <Link href={`/glossary#${term}`} className="text-xs text-primary hover:underline">
        {t("In the glossary")}
      </Link>
    </dd>
  );
}
