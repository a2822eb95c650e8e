"""The laboratory's front door: ``streamlit run app.py``."""

from pages.ui.setup import navigate, run

run(navigate())
