"""The handover report: what was set up and what was tried, as data, text and a page to print. Rendering is pure."""
