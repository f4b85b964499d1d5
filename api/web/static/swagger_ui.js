"use strict";

const place = document.getElementById("swagger-ui");

SwaggerUIBundle({
  domNode: place,
  url: place.dataset.document,
  deepLinking: true,
  tryItOutEnabled: true,
  displayRequestDuration: true,
  filter: true,
  // A token must not outlive the tab in the browser's storage.
  persistAuthorization: false,
  // Without this the page asks validator.swagger.io about our document.
  validatorUrl: null,
});
