// Comfort on top of pages that work without it: pausing the overview's refresh, and short URLs from the live filter.
"use strict";

(function () {
  let paused = false;

  function live() {
    return document.getElementById("live");
  }

  // A refresh must not take away what somebody is reading, selecting or about to press.
  function inUse(region) {
    const selection = document.getSelection();
    return (
      paused ||
      document.hidden ||
      region.contains(document.activeElement) ||
      (selection && !selection.isCollapsed && region.contains(selection.anchorNode))
    );
  }

  document.addEventListener("htmx:beforeRequest", function (event) {
    const region = live();
    if (region && event.target === region && inUse(region)) event.preventDefault();
  });

  // Fields left empty do not belong into the address that is pushed.
  document.addEventListener("htmx:configRequest", function (event) {
    const empty = [...event.detail.formData.entries()].filter(([, value]) => value === "");
    for (const [name] of empty) event.detail.formData.delete(name);
  });

  // A session that ended answers with the sign-in page: go there, instead of putting it into this page.
  document.addEventListener("htmx:beforeSwap", function (event) {
    const answered = new URL(event.detail.xhr.responseURL || location.href);
    if (answered.pathname === "/sign-in" || event.detail.xhr.status === 401) {
      event.preventDefault();
      location.assign("/sign-in?next=" + encodeURIComponent(location.pathname + location.search));
    }
  });

  function say(text) {
    const place = document.getElementById("live-state");
    if (place && place.textContent !== text) place.textContent = text;
  }

  const trouble = "The server does not answer; what you see may be old.";
  document.addEventListener("htmx:sendError", () => say(trouble));
  document.addEventListener("htmx:responseError", () => say(trouble));
  document.addEventListener("htmx:afterRequest", (event) => {
    if (event.detail.successful) say("");
  });

  // The button exists only where it does something.
  const place = document.getElementById("live-control");
  if (place && live()) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "quiet";
    button.textContent = "Pause updates";
    button.addEventListener("click", function () {
      paused = !paused;
      button.textContent = paused ? "Resume updates" : "Pause updates";
    });
    place.prepend(button);
  }
})();
