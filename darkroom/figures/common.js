async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {  // where the browser allows it to secure pages alone
    const area = document.createElement("textarea"), before = document.activeElement;
    area.value = text;
    (document.querySelector("dialog[open]") ?? document.body).append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
    before.focus();
  }
  say(data.copied.replace("{}", () => text));
}
