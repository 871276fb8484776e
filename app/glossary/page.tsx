import { readText, titlePage } from "@/app/_i18n/server";
import { Link } from "@/app/_ui/link";
import { GLOSSARY_SECTIONS } from "@/core/glossary/glossary";

export const generateMetadata = titlePage("Glossary");

/** Every term that the pages explain; `#term` leads to one. */
export default async function GlossaryPage() {
  const t = await readText();
  return (
    <>
      <h1 className="text-lg font-semibold">{t("Glossary")}</h1>
      <p className="text-muted-foreground">
        {t("What the words and figures on these pages mean.")}
      </p>
      <nav aria-label={t("Sections")} className="mt-3 flex flex-wrap gap-x-4 gap-y-1">
        <Link href="/glossary/settings" className="text-primary hover:underline">
          {t("All settings of a run")}
        </Link>
        {GLOSSARY_SECTIONS.map(({ title }) => (
          <a key={title} href={`#section-${title}`} className="text-primary hover:underline">
            {t(title)}
          </a>
        ))}
      </nav>
      {GLOSSARY_SECTIONS.map(({ title, terms }) => (
        <section
          key={title}
          id={`section-${title}`}
          className="mt-6 scroll-mt-16"
          aria-label={t(title)}
        >
          <h2 className="font-semibold">{t(title)}</h2>
          <dl className="mt-2 gap-x-10 md:columns-2 2xl:columns-3">
            {Object.entries(terms).map(([term, { title: name, text, formula, source }]) => (
              <div
                key={term}
                id={term}
                className="mb-4 scroll-mt-16 break-inside-avoid rounded target:bg-primary-soft target:p-2"
              >
                <dt className="font-medium">{t(name)}</dt>
                <dd>
                  {t(text)}
                  {formula ? (
                    <code className="mt-0.5 block font-mono text-xs">{formula}</code>
                  ) : null}
                  {source ? (
                    <span className="block text-xs text-muted-foreground">{source}</span>
                  ) : null}
                </dd>
              </div>
            ))}
          </dl>
        </section>
      ))}
    </>
  );
}
