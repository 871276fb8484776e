"use client";
import { Ellipsis } from "lucide-react";
import { Link } from "@/app/_ui/link";
import { usePathname } from "next/navigation";
import { Fragment, type ComponentProps } from "react";
import { useText } from "@/app/_i18n/text-provider";
import { cn } from "@/app/_ui/cn";
import { Menu, MenuContent, MenuItem, MenuTrigger } from "@/app/_ui/menu";
import { findPage, PAGE_GROUPS, PAGES, type Page } from "./pages";

/** The product's name, which leads home. */
export function Brand() {
  const t = useText();
  return (
    <Link
      href="/"
      className="flex items-center gap-2 px-1 font-semibold"
      aria-label={t("s3, home")}
    >
      <svg viewBox="0 0 32 32" className="size-6" aria-hidden>
        <rect width="32" height="32" rx="7" className="fill-primary" />
        <path
          d="M6 22l6-6 5 4 9-11"
          fill="none"
          strokeWidth="3"
          strokeLinecap="round"
          strokeLinejoin="round"
          className="stroke-primary-foreground"
        />
      </svg>
      <span className="text-[0.9375rem]">s3</span>
    </Link>
  );
}

type PageLinkProps = { page: Page } & Omit<ComponentProps<typeof Link>, "href">;

/** A link to a page. */
function PageLink({ page: { href, label, icon: Icon }, ...props }: PageLinkProps) {
  const t = useText();
  const isCurrent = findPage(usePathname())?.href === href;
  return (
    <Link href={href} aria-current={isCurrent ? "page" : undefined} {...props}>
      <Icon className="size-4 shrink-0" aria-hidden /> {t(label)}
    </Link>
  );
}

/** Links to all pages in groups, for wide screens. */
export function SideLinks() {
  const t = useText();
  return (
    <nav aria-label={t("Main")} className="mt-3 min-h-0 flex-1 overflow-y-auto pb-3">
      {PAGE_GROUPS.map(({ title, pages }) => (
        <div key={title} className="mt-3 first:mt-0">
          {title ? (
            <h2 className="px-2 pb-0.5 text-2xs font-medium text-muted-foreground">{t(title)}</h2>
          ) : null}
          <ul className="flex flex-col gap-0.5">
            {pages.map((page) => (
              <li key={page.href}>
                <PageLink
                  page={page}
                  className="flex h-7.5 items-center gap-2.5 rounded-md px-2 font-medium text-muted-foreground transition-colors hover:bg-muted hover:text-foreground aria-[current]:bg-muted aria-[current]:text-foreground"
                />
              </li>
            ))}
          </ul>
        </div>
      ))}
    </nav>
  );
}

const barPlace =
  "flex h-14 flex-col items-center justify-center gap-0.5 text-2xs font-medium text-muted-foreground aria-[current]:text-primary [&_svg]:size-5";

/** Links to the pages, for phones: the most used in a bar, all others in its menu. */
export function BottomBar() {
  const t = useText();
  const current = findPage(usePathname());
  return (
    <nav
      aria-label={t("Main")}
      className="fixed inset-x-0 bottom-0 z-20 grid auto-cols-fr grid-flow-col border-t bg-card pb-[env(safe-area-inset-bottom)] md:hidden print:hidden"
    >
      {PAGES.filter(({ inBar }) => inBar).map((page) => (
        <PageLink key={page.href} page={page} className={barPlace} />
      ))}
      <Menu>
        <MenuTrigger asChild>
          <button
            type="button"
            className={cn(barPlace, current && !current.inBar && "text-primary")}
          >
            <Ellipsis aria-hidden /> {t("More")}
          </button>
        </MenuTrigger>
        <MenuContent side="top" className="max-h-[70dvh] overflow-y-auto">
          {PAGE_GROUPS.map(({ title, pages }) => (
            <Fragment key={title}>
              {title ? (
                <p className="px-2 pt-2 text-2xs font-medium text-muted-foreground">{t(title)}</p>
              ) : null}
              {pages
                .filter(({ inBar }) => !inBar)
                .map((page) => (
                  <MenuItem key={page.href} asChild>
                    <PageLink page={page} />
                  </MenuItem>
                ))}
            </Fragment>
          ))}
        </MenuContent>
      </Menu>
    </nav>
  );
}
