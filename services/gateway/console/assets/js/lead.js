// The page of a lead: of all leads that change, only this one lets its parts refetch themselves (`this-lead`).
const LEAD = document.getElementById("lead").dataset.lead;

document.body.addEventListener("lead", (event) => {
  if ([LEAD, "*"].includes(event.detail?.id)) htmx.trigger(document.body, "this-lead");
});
