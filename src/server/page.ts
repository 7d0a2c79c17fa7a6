/** The few HTML pages this server makes itself: no script, nothing from elsewhere, all text escaped. */

/** Text that is already HTML. */
export type Html = { readonly html: string };

/**
 * Template tag: escapes every interpolated string, puts {@link Html} in as it is and joins lists.
 *
 * @example html`<p>${name}</p>`
 */
export function html(parts: TemplateStringsArray, ...values: readonly HtmlPart[]): Html {
  const text = parts.map((part, index) => part + render(values[index] ?? '')).join('');
  return { html: text };
}

/** What may stand in an {@link html} template. */
export type HtmlPart = string | number | Html | readonly Html[];

/** Makes a whole page. */
export function renderPage(title: string, body: Html): string {
  return html`<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${title}</title>
<style>
:root { color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif; }
body { max-width: 44rem; margin: 3rem auto; padding: 0 1rem; overflow-wrap: anywhere; }
small, code { opacity: .75; }
pre { white-space: pre-wrap; }
</style>
${body}
</html>
`.html;
}

function render(value: HtmlPart): string {
  if (typeof value === 'number') return String(value);
  if (typeof value === 'string') return escapeHtml(value);
  return 'html' in value ? value.html : value.map((part) => part.html).join('');
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
