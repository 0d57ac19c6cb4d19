"""From live tasks and recorded episodes to scores and reports."""
