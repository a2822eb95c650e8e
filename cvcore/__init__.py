"""What the laboratory knows about pictures and networks; no browser, no Streamlit."""
